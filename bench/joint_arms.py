"""Computing time of one tick of a joint-position arm: its state, and the next joints to send.

.venv/bin/python bench/joint_arms.py [--ticks 2000] [--json FILE]

A target moves on a circle of 5 cm while it tilts, at 50 Hz, and the arm follows without lag. The
median, the 99th percentile and the maximum are measured with the thread's CPU clock, so that other
load on the machine does not count.
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
from robo_dopamine_ros.arms.config import ArmConfig, make_arm
from robo_dopamine_ros.arms.grippers import GripperConfig
from robo_dopamine_ros.arms.position_controller import PositionControllerConfig
from robo_dopamine_ros.geometry import integrate_twist
from robo_dopamine_ros.types import SECOND, ArmState

TESTS = Path(__file__).parents[1] / 'test' / 'arms'
TICK = 0.02  # [s]


@dataclass(frozen=True)
class Timing:
    """One measurement [ms]."""

    what: str
    median: float
    p99: float
    longest: float


def summarize(what: str, seconds: list[float]) -> Timing:
    """Return median, 99th percentile and maximum."""
    p50, p99, longest = 1e3 * np.percentile(seconds, [50, 99, 100])
    return Timing(what, float(p50), float(p99), float(longest))


def make_position_arm(described: Any) -> Arm:
    """Make an arm behind a position controller."""
    config = ArmConfig(
        arm='position_controller',
        base_frame=described.base,
        tool_frame=described.tool,
        joints=described.joints,
        gripper=GripperConfig(kind='none'),
        position_controller=PositionControllerConfig(manager=''),
    )
    arm = make_arm(config, 0.1)
    arm.on_message('robot_description', described.text, 0, 0.0)
    return arm


def measure(described: Any, ticks: int) -> list[Timing]:
    """Follow the circle; return the time of `state` and of `command`."""
    arm, q, start = make_position_arm(described), np.array(described.home), None
    states, commands = [], []
    for tick in range(1, ticks + 1):
        now, phase = TICK * tick, 2 * np.pi * tick / 250
        joints = Joints(described.joints, q, np.zeros(len(q)))
        arm.on_message('joint_states', joints, round(now * SECOND), now)
        start_time = time.thread_time()
        state = arm.state(now)
        states.append(time.thread_time() - start_time)
        assert isinstance(state, ArmState), state
        start = start or state.pose
        offset = [0.05 * np.sin(phase), 0.05 * (1 - np.cos(phase)), 0, 0.2 * np.sin(phase), 0, 0]
        target = integrate_twist(start, np.array(offset), 1.0)
        start_time = time.thread_time()
        command = arm.command(target, 1.0, now)
        commands.append(time.thread_time() - start_time)
        q = command.messages[0].value
    axes = f'{described.name}, {len(q)} axes'
    return [summarize(f'{axes}, state', states), summarize(f'{axes}, command', commands)]


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--ticks', type=int, default=2000)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    from descriptions import ARMS

    rows = [row for described in ARMS.values() for row in measure(described, args.ticks)]
    machine = f'{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}'
    print(f'{machine}\n{"[ms]":28}{"median":>9}{"p99":>9}{"longest":>9}')
    for row in rows:
        print(f'{row.what:28}{row.median:9.3f}{row.p99:9.3f}{row.longest:9.3f}')
    if args.json:
        report = {'machine': machine, 'rows': [asdict(row) for row in rows]}
        args.json.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
