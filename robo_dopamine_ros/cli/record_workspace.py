"""`robo-dopamine doctor --bounds`: records the workspace box from an arm that is guided by hand."""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import yaml

from robo_dopamine_ros.cli.console import STATUS_PERIOD, StatusConsole
from robo_dopamine_ros.cli.option_types import Real, output_file
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import ArmState

FIRST_STATE_TIMEOUT = 5.0  # [s]
STATE_TIMEOUT = 1.0  # [s] between two arm states
MIN_SIDE = 0.05  # [m] of the box


class WorkspaceError(RuntimeError):
    """A box that could not be recorded."""


@dataclass(frozen=True)
class WorkspaceBox:
    """Box that contains the recorded tool positions, base frame."""

    low: np.ndarray  # (3,) [m]
    high: np.ndarray  # (3,) [m]

    def extended(self, point: np.ndarray) -> 'WorkspaceBox':
        """Return the box extended to a point (3,) [m]."""
        return WorkspaceBox(np.minimum(self.low, point), np.maximum(self.high, point))

    def grown(self, margin: float) -> 'WorkspaceBox':
        """Return the box grown by a margin on every side [m]; negative: shrunk."""
        return WorkspaceBox(self.low - margin, self.high + margin)

    @property
    def sides(self) -> np.ndarray:
        """Lengths of the sides (3,) [m]."""
        return self.high - self.low


EMPTY_BOX = WorkspaceBox(np.full(3, math.inf), np.full(3, -math.inf))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of recording a box."""
    group = parser.add_argument_group('the workspace box')
    group.add_argument(
        '--bounds',
        action='store_true',
        help='record the box the tool is guided through, until Ctrl-C; needs a running cell',
    )
    group.add_argument(
        '--margin',
        metavar='M',
        type=Real(unit='metres'),
        default=0.0,
        help='added on every side; negative: subtracted [m] (default: %(default)s)',
    )
    group.add_argument('--namespace', metavar='NAME', default='', help='of the cell')
    group.add_argument(
        '--out', metavar='FILE', type=output_file, help='write the parameters there as well'
    )


def run(args: argparse.Namespace) -> int:
    """Record until Ctrl-C, then print the parameters of the gate."""
    if args.out and args.out.exists():
        raise WorkspaceError(f'{args.out} is there already; nothing is written over')
    environment.activate()
    from robo_dopamine_ros.nodes.cell_client import CellClient
    from robo_dopamine_ros.ros.convert import from_msg
    from robo_dopamine_ros.ros.topics import ARM_STATE

    states: list[ArmState] = []
    with CellClient('bounds', args.namespace) as client:
        client.subscribe(ARM_STATE, from_msg, states)
        topic = client.node.resolve_topic_name(ARM_STATE.name)
        box = record(states, topic, StatusConsole(sys.stderr), time.monotonic)
    text = as_yaml(box.grown(args.margin))
    print(text, end='')
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)
    return 0


def record(
    states: list[ArmState], topic: str, console: StatusConsole, clock: Callable[[], float]
) -> WorkspaceBox:
    """Extend a box by the states that arrive until Ctrl-C; WorkspaceError if none arrives."""
    box, shown_at, received_at, timeout = EMPTY_BOX, 0.0, clock(), FIRST_STATE_TIMEOUT
    console.print('lead the tool through every corner it may reach; Ctrl-C ends')
    try:
        while True:
            new, states[:] = states[:], []
            for state in new:
                box = box.extended(state.pose.position)
            if new:
                received_at, timeout = clock(), STATE_TIMEOUT
            elif clock() - received_at > timeout:
                raise WorkspaceError(missing_state_message(topic, box))
            if new and clock() - shown_at > STATUS_PERIOD:
                shown_at = clock()
                console.status(status_line(box, new[-1]))
            time.sleep(0.02)
    except KeyboardInterrupt:
        console.end_status()
        return checked_box(box, topic)


def missing_state_message(topic: str, box: WorkspaceBox) -> str:
    """Return the error text for missing arm states."""
    if box is EMPTY_BOX:
        return (
            f'nothing on {topic} within {FIRST_STATE_TIMEOUT:.0f} s; '
            'start a cell with a gate first, as `robo-dopamine up franka`'
        )
    return f'silence on {topic} for {STATE_TIMEOUT:.0f} s; the box so far: {as_yaml(box).strip()}'


def checked_box(box: WorkspaceBox, topic: str) -> WorkspaceBox:
    """Return the box; raises WorkspaceError if a side is shorter than MIN_SIDE."""
    if box is EMPTY_BOX:
        raise WorkspaceError(missing_state_message(topic, box))
    narrow = [
        f'{axis} {100 * side:.1f} cm'
        for axis, side in zip('xyz', box.sides, strict=True)
        if side < MIN_SIDE
    ]
    if narrow:
        raise WorkspaceError(f'the tool was led too little along {", ".join(narrow)}; begin again')
    return box


def status_line(box: WorkspaceBox, state: ArmState) -> str:
    """Return a line with the box so far and the tool position."""
    spans = zip('xyz', box.low, box.high, state.pose.position, strict=True)
    words = [f'{axis} {low:+.3f} .. {high:+.3f} (now {now:+.3f})' for axis, low, high, now in spans]
    return '  '.join(words) + ' m'


def as_yaml(box: WorkspaceBox) -> str:
    """Return the gate's section of a cell file, with the box rounded inwards to millimetres."""
    low = [math.ceil(round(1000 * value, 3)) / 1000 for value in box.low.tolist()]
    high = [math.floor(round(1000 * value, 3)) / 1000 for value in box.high.tolist()]
    limits = {'limits': {'low': low, 'high': high}}
    return yaml.safe_dump(
        {'gate': {'ros__parameters': limits}}, default_flow_style=None, sort_keys=False
    )
