"""What one tick of an arm costs that is told joints: its state, and the next joints to send.

.venv/bin/python bench/joint_arms.py [--ticks 2000] [--json FILE]

A target goes round in a circle of 5 cm, tilting, 50 times a second, and the arm is where it was
sent. Told are the median, the 99th percentile and the longest, by the clock of this thread; that is
without what else the machine does, and so comparable.
"""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.arms.arm import Arm, Joints
from robo_dopamine_ros.arms.choose import make
from robo_dopamine_ros.arms.grippers import GripperParameters
from robo_dopamine_ros.arms.joint_stream import JointStreamParameters
from robo_dopamine_ros.arms.parameters import ArmParameters
from robo_dopamine_ros.geometry import moved
from robo_dopamine_ros.types import SECOND, ArmState

TESTS = Path(__file__).parents[1] / 'test' / 'arms'
TICK = 0.02  # [s]


@dataclass(frozen=True)
class Row:
    """One measurement [ms]."""

    what: str
    median: float
    p99: float
    longest: float


def measured(what: str, seconds: list[float]) -> Row:
    """Sum up."""
    p50, p99, longest = 1e3 * np.percentile(seconds, [50, 99, 100])
    return Row(what, float(p50), float(p99), float(longest))


def arm_of(described: Any) -> Arm:
    """Make the arm that is told these joints."""
    parameters = ArmParameters(
        arm='joint_stream',
        base_frame=described.base,
        tool_frame=described.tool,
        joints=described.joints,
        gripper=GripperParameters(kind='none'),
        joint_stream=JointStreamParameters(manager=''),
    )
    arm = make(parameters, 0.1)
    arm.hear('robot_description', described.text, 0, 0.0)
    return arm


def costs(described: Any, ticks: int) -> list[Row]:
    """Follow the circle; gives the cost of the state and of the command."""
    arm, q, start = arm_of(described), np.array(described.home), None
    states, commands = [], []
    for tick in range(1, ticks + 1):
        now, phase = TICK * tick, 2 * np.pi * tick / 250
        joints = Joints(described.joints, q, np.zeros(len(q)))
        arm.hear('joint_states', joints, round(now * SECOND), now)
        begun = time.thread_time()
        state = arm.state(now)
        states.append(time.thread_time() - begun)
        assert isinstance(state, ArmState), state
        start = start or state.pose
        way = [0.05 * np.sin(phase), 0.05 * (1 - np.cos(phase)), 0, 0.2 * np.sin(phase), 0, 0]
        target = moved(start, np.array(way), 1.0)
        begun = time.thread_time()
        told = arm.tell(target, 1.0, now)
        commands.append(time.thread_time() - begun)
        q = told.outs[0].value
    axes = f'{described.name}, {len(q)} axes'
    return [measured(f'{axes}, state', states), measured(f'{axes}, command', commands)]


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--ticks', type=int, default=2000)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    from descriptions import ARMS

    rows = [row for described in ARMS.values() for row in costs(described, args.ticks)]
    machine = f'{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}'
    print(f'{machine}\n{"[ms]":28}{"median":>9}{"p99":>9}{"longest":>9}')
    for row in rows:
        print(f'{row.what:28}{row.median:9.3f}{row.p99:9.3f}{row.longest:9.3f}')
    if args.json:
        told = {'machine': machine, 'rows': [asdict(row) for row in rows]}
        args.json.write_text(json.dumps(told, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
