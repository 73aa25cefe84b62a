"""Node `gate`: the only publisher to the arm's driver; see safety/gate.py for its rules."""

import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from robo_dopamine_ros.arms.config import ArmConfig, make_arm
from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.nodes.gate_services import GateServices
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.arm_bridge import ArmBridge
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.safety.gate import Gate, GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import ArmState, Control, Mode

COMMAND_TOPICS = {
    Mode.HUMAN: topics.TELEOP_COMMAND,
    Mode.RESET: topics.RESET_COMMAND,
    Mode.POLICY: topics.POLICY_COMMAND,
}


@dataclass(frozen=True)
class GateParameters:
    """Parameters of the gate: tick rate, arming, arm and limits."""

    rate: float = 50.0  # of ticks, each sends one target to the driver [Hz], 50..100
    armed: bool = False  # whether the arm may move before `rearm` was called once
    stop_lock: bool = True  # nothing moves unless `stop_lock` is published as false, at 10 Hz
    driver: ArmConfig = field(default_factory=ArmConfig)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 50 <= self.rate <= 100:
            raise ValueError(f'rate = {self.rate} Hz; it must lie in 50..100 Hz')


class GateNode(Node):
    """Connects command topics, services and the arm's driver to the gate."""

    def __init__(self) -> None:
        super().__init__('gate')
        parameters = declare(self, GateParameters)
        driver, limits = parameters.driver, parameters.limits
        self._frame = driver.base_frame
        settings = GateSettings(self._frame, parameters.armed, parameters.stop_lock)
        names = {mode: topic.name for mode, topic in COMMAND_TOPICS.items()}
        self._gate = Gate(limits, settings, names)
        try:
            arm = make_arm(driver, limits.arm_timeout)
        except ValueError as error:
            raise ParameterError(f'driver: {error}') from error
        self._arm = ArmBridge(self, arm, driver.namespace)
        self._gate_services = GateServices(self, self._gate, self._arm)
        self._refused: Counter[str] = Counter()  # commands, by topic
        self._control: Control | None = None  # of the newest tick
        self._last_tick = steady_time()
        self._longest_tick = 0.0  # since the last diagnostics [s]
        self._state_publisher = self._publisher(topics.ARM_STATE)
        self._control_publisher = self._publisher(topics.CONTROL)
        for mode, topic in COMMAND_TOPICS.items():
            self._subscribe(topic, partial(self._on_command, mode))
        self._subscribe(topics.EPISODE, self._on_episode)
        self._subscribe(topics.STOP_LOCK, self._on_stop_lock)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / parameters.rate, self._tick, clock=steady)
        Diagnostics(self, self._health)

    def _publisher(self, topic: Topic) -> Any:
        return self.create_publisher(topic.type, topic.name, topic.qos)

    def _subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        self.create_subscription(topic.type, topic.name, callback, topic.qos)

    def _tick(self) -> None:
        now, stamp = steady_time(), self._stamp()
        self._longest_tick = max(self._longest_tick, now - self._last_tick)
        self._last_tick = now
        state, stop_reason = self._arm.state(now), self._arm.other_publishers()
        control = self._gate.update(now, stamp, self._gate_services.busy or state, stop_reason)
        if control.target is not None:
            # Without a source no opening is requested: the fingers of a stopped arm rest.
            opening = control.sent.gripper if control.sent.valid else math.nan
            sent = self._arm.command(control.target, opening, now)
            control = self._gate.correct_target(control, sent.target, sent.reason)
        self._control_publisher.publish(to_msg(control, self._frame))
        if isinstance(state, ArmState):
            self._state_publisher.publish(to_msg(state, self._frame))
        self._control, before = control, self._control
        if before is None or (control.mode, control.latched) != (before.mode, before.latched):
            self.get_logger().info(f'{control.mode.name}: {control.reason or control.source}')

    def _on_command(self, mode: Mode, message: Any) -> None:
        frame, command = message.header.frame_id, from_msg(message)
        reason = self._gate.on_command(mode, command, frame, self._stamp(), steady_time())
        if reason:
            name = COMMAND_TOPICS[mode].name
            self._refused[name] += 1
            self.get_logger().warning(f'{name} refused: {reason}', throttle_duration_sec=1.0)

    def _on_episode(self, message: Any) -> None:
        try:
            self._gate.on_episode(from_msg(message), steady_time())
        except ValueError as error:  # then the episode manager counts as silent
            self.get_logger().warning(f'episode refused: {error}', throttle_duration_sec=1.0)

    def _on_stop_lock(self, message: Any) -> None:
        self._gate.on_stop_lock(message.data, steady_time())

    def _health(self) -> Sequence[Health]:
        control, self._longest_tick, longest = self._control, 0.0, self._longest_tick
        if control is None:
            return [Health('gate', Level.ERROR, 'no tick yet')]
        values = {
            'longest between ticks [s]': longest,
            **{f'refused, {name}': count for name, count in self._refused.items()},
            **self._arm.channel_errors,
        }
        shared = [t.name for t in COMMAND_TOPICS.values() if self.count_publishers(t.name) > 1]
        level = Level.ERROR if control.latched else Level.WARN if shared else Level.OK
        summary = [f'{control.mode.name}: {control.reason or "ok"}']
        summary += [f'more than one publisher on {name}' for name in shared]
        return [Health('gate', level, '; '.join(summary), values)]

    def _stamp(self) -> int:
        return self.get_clock().now().nanoseconds


def main() -> int:
    """Run the node as a process."""
    return run_node(GateNode, exclusive=topics.CONTROL)


if __name__ == '__main__':
    sys.exit(main())
