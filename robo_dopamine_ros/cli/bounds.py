"""`robo-dopamine doctor --bounds`: the workspace box of a cell, from an arm that is led by hand."""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import ArmState

PATIENCE = 5.0  # [s] for the first arm state
STALE = 1.0  # [s] without one, and the box is not recorded any more
PERIOD = 0.1  # [s] between two states of the line
LEAST = 0.05  # [m] a side of a box that was led around


class BoundsError(RuntimeError):
    """A box that could not be recorded."""


@dataclass(frozen=True)
class Box:
    """Where the tool has been, base frame."""

    low: np.ndarray  # (3,) [m]
    high: np.ndarray  # (3,) [m]

    def around(self, point: np.ndarray) -> 'Box':
        """Give the box that holds this point too."""
        return Box(np.minimum(self.low, point), np.maximum(self.high, point))

    def grown(self, margin: float) -> 'Box':
        """Give the box with a margin on every side, negative: taken away [m]."""
        return Box(self.low - margin, self.high + margin)

    @property
    def sides(self) -> np.ndarray:
        """Its lengths (3,) [m]."""
        return self.high - self.low


EMPTY = Box(np.full(3, math.inf), np.full(3, -math.inf))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what recording a box takes."""
    group = parser.add_argument_group('the workspace box')
    group.add_argument(
        '--bounds',
        action='store_true',
        help='record the box the tool is led through by hand, until Ctrl-C; needs a running cell',
    )
    group.add_argument(
        '--margin',
        metavar='M',
        type=float,
        default=0.0,
        help='added on every side, negative: taken away [m] (default: %(default)s)',
    )
    group.add_argument('--namespace', metavar='NAME', default='', help='of the cell')
    group.add_argument(
        '--out', metavar='FILE', type=Path, help='write the parameters there as well'
    )


def run(args: argparse.Namespace) -> int:
    """Record until Ctrl-C, then print the parameters of the gate."""
    if args.out and args.out.exists():
        raise BoundsError(f'{args.out} is there already; nothing is written over')
    environment.activate()
    from robo_dopamine_ros.nodes.observer import Observer
    from robo_dopamine_ros.ros.convert import arm_state_from_msg
    from robo_dopamine_ros.ros.topics import ARM_STATE

    screen, states = Screen(sys.stderr), list[ArmState]()
    with Observer('bounds', args.namespace) as observer:
        observer.keep(ARM_STATE, arm_state_from_msg, states)
        topic = observer.node.resolve_topic_name(ARM_STATE.name)
        box = record(states, topic, screen, time.monotonic)
    text = written(box.grown(args.margin))
    print(text, end='')
    if args.out:
        args.out.write_text(text)
    return 0


def record(states: list[ArmState], topic: str, screen: Screen, clock: Callable[[], float]) -> Box:
    """Take what arrives in `states` into a box until Ctrl-C; BoundsError when nothing arrives."""
    box, shown, heard, patience = EMPTY, 0.0, clock(), PATIENCE
    screen.line('lead the tool through every corner it may reach; Ctrl-C ends')
    try:
        while True:
            fresh, states[:] = states[:], []
            for state in fresh:
                box = box.around(state.pose.position)
            if fresh:
                heard, patience = clock(), STALE
            elif clock() - heard > patience:
                raise BoundsError(missing(topic, box))
            if fresh and clock() - shown > PERIOD:
                shown = clock()
                screen.status(described(box, fresh[-1]))
            time.sleep(0.02)
    except KeyboardInterrupt:
        screen.end_status()
        return checked(box, topic)


def missing(topic: str, box: Box) -> str:
    """Say what to do about an arm that is silent."""
    if box is EMPTY:
        return (
            f'nothing on {topic} within {PATIENCE:.0f} s; start a cell with a gate first, '
            'as `robo-dopamine up franka`'
        )
    return f'silence on {topic} for {STALE:.0f} s; the box so far: {written(box).strip()}'


def checked(box: Box, topic: str) -> Box:
    """Refuse a box without room; the arm was led along a line, or not at all."""
    if box is EMPTY:
        raise BoundsError(missing(topic, box))
    narrow = [
        f'{axis} {100 * side:.1f} cm'
        for axis, side in zip('xyz', box.sides, strict=True)
        if side < LEAST
    ]
    if narrow:
        raise BoundsError(f'the tool was led too little along {", ".join(narrow)}; begin again')
    return box


def described(box: Box, state: ArmState) -> str:
    """One line: the box so far, and where the tool is."""
    spans = zip('xyz', box.low, box.high, state.pose.position, strict=True)
    words = [f'{axis} {low:+.3f} .. {high:+.3f} (now {now:+.3f})' for axis, low, high, now in spans]
    return '  '.join(words) + ' m'


def written(box: Box) -> str:
    """Parameters of the gate, as they stand in the file of a cell; ends on whole millimetres."""
    low = [math.ceil(round(1000 * value, 3)) / 1000 for value in box.low.tolist()]
    high = [math.floor(round(1000 * value, 3)) / 1000 for value in box.high.tolist()]
    limits = {'limits': {'low': low, 'high': high}}
    return yaml.safe_dump(
        {'gate': {'ros__parameters': limits}}, default_flow_style=None, sort_keys=False
    )
