"""Teleoperation node: turns a person's device into commands for the gate and service calls.

Every reading is passed on when it arrives. When the device dies with its dead-man held, the node
publishes nothing more, so that the gate latches; a released dead-man is published as a command that
is not valid.
"""

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Bool

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.nodes.teleop_buttons import ButtonServices
from robo_dopamine_ros.nodes.teleop_device import DEVICES, DeviceSubscriber, TeleopParameters
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.topics import (
    ARM_STATE,
    CONTROL,
    ENABLE,
    STOP_LOCK,
    TELEOP_COMMAND,
)
from robo_dopamine_ros.teleop.command_mapper import ArmFeedback, CommandMapper
from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading, InvalidReadingError
from robo_dopamine_ros.types import ArmCommand, Control, Mode, Pose

TICK_PERIOD = 0.025  # [s] of polling: keys, stillness, time-outs
MIN_COMMAND_PERIOD = 0.008  # [s] between two commands, unless a button changed
LOOK_PERIOD = 0.1  # [s] between two looks at the publishers of the device
NOTICE_TIME = 3.0  # [s] for which the status line shows what a press still needs
STOP_LOCK_PERIOD = 0.1  # [s]
ENABLE_PERIOD = 0.05  # [s]
POSE_MAX_AGE = 0.2  # [s] of the measured tool pose
GATE_TIMEOUT = 1.0  # [s] without a Control message, then the gate counts as silent


class TeleopNode(Node):
    """Wires a device, its command mapper, and the services of its buttons."""

    def __init__(self, log: Callable[[str], object] | None = None) -> None:
        """`log` shows a line to the person; by default the node's logger does."""
        super().__init__('teleop')
        self._config = p = declare(self, TeleopParameters)
        self._log = log or self.get_logger().info
        self._device = DEVICES[p.device](p)
        self._mapper = CommandMapper(p.motion, self._device.timeout, self._device.touch)
        self._button_services = ButtonServices(self, p.person, self._log)
        self._control: Control | None = None  # newest, and its arrival [s]
        self._control_at = 0.0
        self._tool: tuple[Pose, float] | None = None  # newest measured pose, and its arrival [s]
        self._command: ArmCommand | None = None  # published last, and when [s]
        self._published_at = 0.0
        self._refused, self._refusal = 0, ''  # number of invalid readings, text of the newest one
        self._said = self._notice = (
            ''  # logged last: why the device does not count, what a press needs
        )
        self._publisher = self._create_publisher(TELEOP_COMMAND)
        self.create_subscription(CONTROL.type, CONTROL.name, self._on_control, CONTROL.qos)
        if p.motion.frame == 'tool':
            self.create_subscription(
                ARM_STATE.type, ARM_STATE.name, self._on_arm_state, ARM_STATE.qos
            )
        self._diagnostics = Diagnostics(self, self._health)
        self._subscriber = DeviceSubscriber(self, self._device, p, self._on_device)
        create_steady_timer(self, TICK_PERIOD, self._tick)
        self._noticed_at = 0.0  # [s]
        self._looked_at = 0.0  # at the publishers of the device [s]
        self._levels: list[tuple[Any, Callable[[], Bool]]] = []
        if p.stop_lock:
            self._publish_level(STOP_LOCK, STOP_LOCK_PERIOD, lambda: not self._mapper.alive)
        if p.enable:
            self._publish_level(ENABLE, ENABLE_PERIOD, lambda: self._mapper.enabled)

    def _on_device(self, topic: str, value: Any) -> None:
        now = steady_time()
        try:
            if (value := self._subscriber.convert(topic, value)) is None:
                return
            self._on_reading(self._device.on_message(topic, value, now), now)
        except InvalidReadingError as error:
            self._refused += 1
            if str(error) != self._refusal:
                self._refusal = str(error)
                self._log(f'refused: {error}')

    def _on_reading(self, reading: DeviceReading, now: float) -> None:
        changed = reading.pressed or reading.held != self._mapper.held
        if not changed and now - self._published_at < MIN_COMMAND_PERIOD:
            return
        stamp, levels = self.get_clock().now().nanoseconds, self._level_values()
        command = self._mapper.on_reading(reading, self._arm_feedback(now), stamp, now)
        for event in reading.pressed:
            if event is ButtonEvent.STOP or not self._mapper.refusal:
                self._button_services.call(event)
        if levels != self._level_values():
            self._publish_levels()
        self._say(reading)
        if command is None:
            return
        previous = self._command.reason if self._command else None
        if reading.held and command.reason and command.reason != previous:
            self._log(command.reason)
        self._publisher.publish(to_msg(command, self._config.base_frame))
        self._published_at, self._command = now, command

    def _say(self, reading: DeviceReading) -> None:
        """Log why the device does not count, and what a press still needs, when that changes."""
        said, self._said = self._said, self._mapper.refusal
        if self._said and self._said != said:
            self._log(f'{self._config.device}: {self._said}')
        notice, self._notice = self._notice, reading.notice
        if self._notice != notice:
            self._noticed_at = steady_time()
            if self._notice:
                self._log(self._notice)

    def _arm_feedback(self, now: float) -> ArmFeedback:
        fresh = self._tool is not None and now - self._tool[1] <= POSE_MAX_AGE
        control = self._control if now - self._control_at < GATE_TIMEOUT else None
        orientation = self._tool[0].orientation if self._tool and fresh else None
        return ArmFeedback(orientation, control.sent.gripper if control else None)

    def _tick(self) -> None:
        self._subscriber.poll()
        now = steady_time()
        lost = self._device.lost(now)
        if not lost and math.isinf(self._device.timeout):
            lost = self._subscriber.missing_publishers()
        if not lost and now - self._looked_at > LOOK_PERIOD:
            lost, self._looked_at = self._subscriber.replaced_publishers(), now
        if self._mapper.check_timeout(now, lost):
            self._log(f'{self._config.device} is dead: {self._mapper.refusal}')
            self._said = self._mapper.refusal
            self._publish_levels()
            self._diagnostics.publish()
        elif not lost and (reading := self._device.poll(now)):
            self._on_reading(reading, now)
        self._button_services.check_timeouts()

    def _on_control(self, message: Any) -> None:
        new, old = from_msg(message), self._control
        ignored = self._command and self._command.valid and new.mode is not Mode.HUMAN
        changed = old is None or (new.mode, new.latched) != (old.mode, old.latched)
        if changed or (ignored and old and new.reason != old.reason):
            self._log(f'{new.mode.name}{": " if new.reason else ""}{new.reason}')
        self._control, self._control_at = new, steady_time()

    def _on_arm_state(self, message: Any) -> None:
        self._tool = from_msg(message).pose, steady_time()

    def _health(self) -> Sequence[Health]:
        mapper, device = self._mapper, self._config.device
        values = {'device': device, 'refused': self._refused}
        values |= {'speed factor': mapper.factor, 'refusal': self._refusal}
        level, text = Level.OK, (self._command.reason if self._command else '') or 'dead-man held'
        if not mapper.alive:
            level = Level.ERROR if mapper.dead_reason and mapper.held else Level.WARN
            reasons = (mapper.refusal, self._subscriber.missing())
            text = '; '.join(reason for reason in reasons if reason) or 'nothing heard yet'
        return [Health('teleop', level, f'{device}: {text}', values, device)]

    def _publish_level(self, topic: Any, period: float, value: Callable[[], bool]) -> None:
        """Publish a Bool every `period` [s], and whenever it changes."""
        publisher = self._create_publisher(topic)
        self._levels.append((publisher, lambda: Bool(data=value())))
        create_steady_timer(self, period, lambda: publisher.publish(Bool(data=value())))

    def _level_values(self) -> list[bool]:
        return [message().data for _, message in self._levels]

    def _publish_levels(self) -> None:
        for publisher, message in self._levels:
            publisher.publish(message())

    def _create_publisher(self, topic: Any) -> Any:
        return self.create_publisher(topic.type, topic.name, topic.qos)

    def describe(self) -> str:
        """Return a status line: mode and reason of the gate, the speed, the device's state."""
        gate = self._control if steady_time() - self._control_at < GATE_TIMEOUT else None
        mode = f'{gate.mode.name:7} {gate.reason}' if gate else 'the gate is silent'
        noticed = steady_time() - self._noticed_at < NOTICE_TIME
        device = (self._notice if noticed else '') or self._health()[0].message
        return f'{mode:48} speed {100 * self._mapper.factor:3.0f} %  {device}'

    def close(self) -> None:
        """Restore the terminal."""
        self._subscriber.close()


def main() -> int:
    """Run the node."""
    return run_node(TeleopNode)


if __name__ == '__main__':
    sys.exit(main())
