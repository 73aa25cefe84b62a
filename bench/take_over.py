"""Latency of a take-over: from a teleoperation command to the target pose at the arm.

    .venv/bin/robo-dopamine bench take_over
    .venv/bin/python bench/take_over.py [--count 200] [--json FILE]

A gate with its default limits runs between a policy that acts at 10 Hz and an arm with the topics
of CRISP, all in processes of their own, over DDS. Repeatedly this process, in the role of the
person, publishes a command at a random moment and waits until the first target that carries it
arrives at the arm's topic. Measured first alone, then while training-like processes of the same
priority load every core. The intervals between the gate's ticks are measured as well. Stops of the
gate without cause are counted, and rearmed.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from _process import process

from robo_dopamine_ros.ros import environment

environment.activate()

import rclpy  # noqa: E402 (needs the environment)
from geometry_msgs.msg import PoseStamped  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402

from robo_dopamine_ros.cli.dds_domain import free_domain  # noqa: E402
from robo_dopamine_ros.ros import topics  # noqa: E402
from robo_dopamine_ros.ros.convert import from_msg, pose_from_msg, to_msg  # noqa: E402
from robo_dopamine_ros.types import SECOND, ArmCommand, Control, Mode  # noqa: E402

HERE = Path(__file__).parent
TARGET_P99 = 0.060  # [s]
PERIOD = 0.03  # of the person's commands [s]
SIDEWAYS = np.array(
    [0, 0.1, 0, 0, 0, 0]
)  # twist of the person, or its opposite; never the policy's
GATE = ['-m', 'robo_dopamine_ros.nodes.gate', '--ros-args', '--log-level', 'error']
GATE_PARAMETERS = [
    *('-p', 'simulated:=true', '-p', 'armed:=true', '-p', 'stop_lock:=false'),
    *('-p', 'enable:=none', '-p', 'driver.gripper.kind:=none'),
]
TIMEOUT = 30.0  # [s]


class OperatorNode:
    """Takes over, hands back, and records the targets that reach the arm."""

    def __init__(self) -> None:
        self.twist = SIDEWAYS
        self.controls: list[Control] = []
        self.targets: list[tuple[float, np.ndarray]] = []  # steady time of arrival [s], position
        self.node = rclpy.create_node('person')
        command, control = topics.TELEOP_COMMAND, topics.CONTROL
        self._command = self.node.create_publisher(command.type, command.name, command.qos)
        self.node.create_subscription(control.type, control.name, self._on_control, control.qos)
        self.node.create_subscription(PoseStamped, 'target_pose', self._on_target, 10)
        self._clients = {
            service.name: self.node.create_client(service.type, service.name)
            for service in (topics.INTERVENE, topics.REARM)
        }
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)

    def _on_control(self, message: Any) -> None:
        self.controls.append(from_msg(message))

    def _on_target(self, message: PoseStamped) -> None:
        self.targets.append((time.monotonic(), pose_from_msg(message.pose).position))

    @property
    def mode(self) -> Mode | None:
        return self.controls[-1].mode if self.controls else None

    def publish(self, twist: np.ndarray | None) -> None:
        stamp = self.node.get_clock().now().nanoseconds
        idle = ArmCommand(stamp, valid=False)
        command = idle if twist is None else ArmCommand(stamp, twist=twist)
        self._command.publish(to_msg(command, 'base'))

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Spin for a time, or until a condition is true; return whether it is."""
        end = time.monotonic() + seconds
        while not until() and (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=min(left, PERIOD))
        return until()

    def hold(self, twist: np.ndarray | None, until: Callable[[], bool]) -> None:
        """Publish a command periodically until a condition is true."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            self.publish(twist)
            if self.spin(PERIOD, until):
                return
        raise SystemExit(f'take_over: waited in vain; the gate says {self.controls[-1:]}')

    def call(self, service: topics.Service, **fields: Any) -> None:
        """Release the dead-man, call a service of the gate, and wait for its effect."""
        self.publish(None)
        response = self._clients[service.name].call_async(service.type.Request(**fields))
        self.spin(2.0, response.done)
        self.spin(0.1)

    def take_over(self) -> float | None:
        """Return the time from the first command to its target at the arm [s]; None if stopped."""
        ticks, arrived = len(self.controls), len(self.targets)
        self.twist = -self.twist  # alternately
        start = time.monotonic()
        self.hold(
            self.twist, lambda: self._executed(ticks) is not None or self.mode is Mode.STOPPED
        )
        control = self._executed(ticks)
        if control is None or control.target is None:
            return None
        position = control.target.position

        def found() -> list[float]:
            return [at for at, target in self.targets[arrived:] if (target == position).all()]

        if not self.spin(1.0, lambda: bool(found())):
            raise SystemExit('take_over: a target of the gate never reached the arm')
        return found()[0] - start

    def _executed(self, since: int) -> Control | None:
        """Return the first tick in which the person's command was sent."""
        new = self.controls[since:]
        return next((c for c in new if c.mode is Mode.HUMAN and c.sent.twist[1] != 0), None)

    def hand_back(self, cell: subprocess.Popen) -> None:
        """Release the dead-man, rearm if stopped, hand back, until the policy is in control."""
        deadline = time.monotonic() + TIMEOUT
        while self.mode is not Mode.POLICY:
            if time.monotonic() > deadline:
                raise SystemExit(f'take_over: not handed back; the gate says {self.controls[-1:]}')
            self.hold(None, lambda: self.mode not in (None, Mode.HUMAN))
            if self.mode is Mode.STOPPED:
                self.call(topics.REARM)
                assert cell.stdin is not None
                cell.stdin.write('next\n')
                cell.stdin.flush()
            self.spin(0.3)  # until the arm rests
            self.call(topics.INTERVENE, request=1)


def start_process(*arguments: str) -> AbstractContextManager[subprocess.Popen]:
    """Start a process in a session of its own, as `robo-dopamine up` does."""
    return process(*arguments, stdin=subprocess.PIPE, text=True, start_new_session=True)


def measure(person: OperatorNode, cell: subprocess.Popen, count: int, rng: random.Random) -> dict:
    """Take over `count` times, at random moments."""
    latencies: list[float] = []
    stops: list[str] = []
    first = len(person.controls)
    for _ in range(count):
        person.spin(rng.uniform(0.1, 0.3))
        latency = person.take_over() if person.mode is Mode.POLICY else None
        if latency is None:
            stops.append(person.controls[-1].reason)
        else:
            latencies.append(latency)
        person.hand_back(cell)
    stamps = np.array([control.stamp for control in person.controls[first:]]) / SECOND
    return {
        'take_overs': len(latencies),
        **{f'p{q}': float(np.percentile(latencies, q)) for q in (50, 95, 99)},
        'longest': max(latencies),
        'stops_without_need': stops,
        'ticks': len(stamps),
        **{f'between_ticks_p{q}': float(np.percentile(np.diff(stamps), q)) for q in (50, 99)},
        'between_ticks_longest': float(np.diff(stamps).max()),
    }


def table(results: dict[str, dict]) -> str:
    rows = [
        ('take-overs', 'take_overs', 1, ''),
        ('to the arm p50 [ms]', 'p50', 1e3, ''),
        ('to the arm p95 [ms]', 'p95', 1e3, ''),
        ('to the arm p99 [ms]', 'p99', 1e3, '<= 60'),
        ('to the arm, longest [ms]', 'longest', 1e3, ''),
        ('between ticks p50 [ms]', 'between_ticks_p50', 1e3, ''),
        ('between ticks p99 [ms]', 'between_ticks_p99', 1e3, ''),
        ('between ticks, longest [ms]', 'between_ticks_longest', 1e3, ''),
    ]
    lines = [f'{"":30}' + ''.join(f'{name:>12}' for name in results) + '  target']
    for title, key, scale, target in rows:
        cells = ''.join(f'{result[key] * scale:12.1f}' for result in results.values())
        lines.append(f'{title:30}{cells}  {target}')
    stops = ''.join(f'{len(result["stops_without_need"]):12}' for result in results.values())
    return '\n'.join([*lines, f'{"stops without need":30}{stops}'])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--count', type=int, default=200, help='take-overs, alone and under load')
    parser.add_argument('--seed', type=int, default=0, help='of the moments')
    parser.add_argument('--json', type=Path, help='file for the result')
    args = parser.parse_args()
    os.environ['ROS_DOMAIN_ID'] = str(free_domain())
    rclpy.init()
    rng, cores = random.Random(args.seed), os.cpu_count() or 1
    results = {}
    with start_process(str(HERE / '_fake_cell.py')) as cell, start_process(*GATE, *GATE_PARAMETERS):
        person = OperatorNode()
        person.hand_back(cell)
        results['alone'] = measure(person, cell, args.count, rng)
        with ExitStack() as stack:
            for _ in range(cores):
                stack.enter_context(start_process(str(HERE / '_training_load.py')))
            person.spin(10.0)  # until the load has started
            results['loaded'] = measure(person, cell, args.count, rng)
    rclpy.try_shutdown()
    print(table(results))
    met = results['loaded']['p99'] <= TARGET_P99
    machine = {'cores': cores, 'machine': platform.machine(), 'load': os.getloadavg()[0]}
    if args.json:
        args.json.write_text(json.dumps({**machine, **results, 'met': met}, indent=2) + '\n')
    return 0 if met else 1


if __name__ == '__main__':
    sys.exit(main())
