"""The gate: the only node that tells the arm anything; see safety/gate.py."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from robo_dopamine_ros.arms.choose import make
from robo_dopamine_ros.arms.parameters import ArmParameters
from robo_dopamine_ros.nodes.gate_services import GateServices
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import (
    action_from_msg,
    arm_state_to_msg,
    control_to_msg,
    episode_from_msg,
)
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.driver import Driver
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.safety.gate import Gate, Settings
from robo_dopamine_ros.safety.limits import Limits
from robo_dopamine_ros.types import ArmState, Control, Mode

WISHES = {
    Mode.HUMAN: topics.TELEOP_COMMAND,
    Mode.RESET: topics.RESET_COMMAND,
    Mode.POLICY: topics.POLICY_COMMAND,
}


@dataclass(frozen=True)
class GateParameters:
    """The arm, what it may do, and when."""

    rate: float = 50.0  # ticks, each a target for the driver, a second [Hz], 50..100
    armed: bool = False  # whether the arm may move before `rearm` was called once
    stop_lock: bool = True  # whether nothing moves unless `stop_lock` says false, 10 times a second
    driver: ArmParameters = field(default_factory=ArmParameters)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 50 <= self.rate <= 100:
            raise ValueError(f'rate = {self.rate} Hz; it must lie in 50..100 Hz')


class GateNode(Node):
    """Wires wishes, the arm and people to the gate."""

    def __init__(self) -> None:
        super().__init__('gate')
        self._p = p = declare(self, GateParameters)
        self._frame = p.driver.base_frame
        settings = Settings(self._frame, p.armed, p.stop_lock)
        self._gate = Gate(p.limits, settings, {mode: topic.name for mode, topic in WISHES.items()})
        try:
            arm = make(p.driver, p.limits.arm_timeout)
        except ValueError as error:
            raise ParameterError(f'driver: {error}') from error
        self._driver = Driver(self, arm, p.driver.namespace)
        self._people = GateServices(self, self._gate, self._driver)
        self._refused: Counter[str] = Counter()  # wishes, by topic
        self._control: Control | None = None  # of the newest tick
        self._ticked, self._gap = time.monotonic(), 0.0  # and the longest between two of late [s]
        self._state_out, self._control_out = self._out(topics.ARM_STATE), self._out(topics.CONTROL)
        for mode, topic in WISHES.items():
            self._in(topic, partial(self._on_wish, mode))
        self._in(topics.EPISODE, self._on_episode)
        self._in(topics.STOP_LOCK, lambda message: self._gate.lock(message.data, time.monotonic()))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / p.rate, self._tick, clock=steady)
        Diagnostics(self, self._health)

    def _out(self, topic: Topic) -> Any:
        return self.create_publisher(topic.type, topic.name, topic.qos)

    def _in(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        self.create_subscription(topic.type, topic.name, callback, topic.qos)

    def _tick(self) -> None:
        now, stamp = time.monotonic(), self._stamp()
        self._gap, self._ticked = max(self._gap, now - self._ticked), now
        state = self._driver.state(now)
        control = self._gate.update(now, stamp, self._people.busy or state, self._driver.rivals())
        if control.target is not None:
            told = self._driver.tell(control.target, control.sent.gripper, now)
            control = self._gate.settle(control, told.target, told.reason)
        self._control_out.publish(control_to_msg(control, self._frame))
        if isinstance(state, ArmState):
            self._state_out.publish(arm_state_to_msg(state, self._frame))
        self._control, before = control, self._control
        if before is None or (control.mode, control.latched) != (before.mode, before.latched):
            self.get_logger().info(f'{control.mode.name}: {control.reason or control.source}')

    def _on_wish(self, mode: Mode, message: Any) -> None:
        frame, wish = message.header.frame_id, action_from_msg(message)
        reason = self._gate.hear(mode, wish, frame, self._stamp(), time.monotonic())
        if reason:
            name = WISHES[mode].name
            self._refused[name] += 1
            self.get_logger().warning(f'{name} refused: {reason}', throttle_duration_sec=1.0)

    def _on_episode(self, message: Any) -> None:
        try:
            self._gate.note(episode_from_msg(message), time.monotonic())
        except ValueError as error:  # then the conductor counts as silent
            self.get_logger().warning(f'episode refused: {error}', throttle_duration_sec=1.0)

    def _health(self) -> Sequence[Health]:
        control, self._gap, gap = self._control, 0.0, self._gap
        if control is None:
            return [Health('gate', Level.ERROR, 'no tick yet')]
        values = {
            'longest between ticks [s]': gap,
            **{f'refused, {name}': count for name, count in self._refused.items()},
            **self._driver.notes,
        }
        crowded = [t.name for t in WISHES.values() if self.count_publishers(t.name) > 1]
        level = Level.ERROR if control.latched else Level.WARN if crowded else Level.OK
        words = [f'{control.mode.name}: {control.reason or "ok"}']
        words += [f'more than one publisher on {name}' for name in crowded]
        return [Health('gate', level, '; '.join(words), values)]

    def _stamp(self) -> int:
        return self.get_clock().now().nanoseconds


def main() -> int:
    """Run the node as a process."""
    return run(GateNode, sole=topics.CONTROL)


if __name__ == '__main__':
    sys.exit(main())
