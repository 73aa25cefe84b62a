"""Teleoperation node: turns a person's device into commands for the gate and service calls.

Every reading is passed on when it arrives. When the device dies with its dead-man held, the node
publishes nothing more, so that the gate latches; a released dead-man is published as a command that
is not valid.
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from robo_dopamine.srv import Intervene
from std_msgs.msg import Bool

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.nodes.teleop_device import DEVICES, DeviceSubscriber, TeleopParameters
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import (
    ARM_STATE,
    CONTROL,
    END_EPISODE,
    INTERVENE,
    REARM,
    START_EPISODE,
    STOP,
    STOP_LOCK,
    TELEOP_COMMAND,
)
from robo_dopamine_ros.teleop.command_mapper import ArmFeedback, CommandMapper
from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading, InvalidReadingError
from robo_dopamine_ros.types import ArmCommand, Control, Mode, Outcome, Pose

TICK_PERIOD = 0.025  # [s] of polling: keys, stillness, time-outs
MIN_COMMAND_PERIOD = 0.008  # [s] between two commands, unless a button changed
STOP_LOCK_PERIOD = 0.1  # [s]
POSE_MAX_AGE = 0.2  # [s] of the measured tool pose
GATE_TIMEOUT = 1.0  # [s] without a Control message, then the gate counts as silent
ANSWER_TIMEOUT = 1.0  # [s] of a service call
SERVICES = {
    ButtonEvent.TAKE_OVER: INTERVENE,
    ButtonEvent.RELEASE: INTERVENE,
    ButtonEvent.STOP: STOP,
    ButtonEvent.REARM: REARM,
    ButtonEvent.START: START_EPISODE,
    ButtonEvent.SUCCESS: END_EPISODE,
    ButtonEvent.FAILURE: END_EPISODE,
}


class TeleopNode(Node):
    """Wires a device, its command mapper, and the services of its buttons."""

    def __init__(self, log: Callable[[str], object] | None = None) -> None:
        """`log` shows a line to the person; by default the node's logger does."""
        super().__init__('teleop')
        self._config = p = declare(self, TeleopParameters)
        self._log = log or self.get_logger().info
        self._device = DEVICES[p.device](p)
        self._mapper = CommandMapper(p.motion, self._device.timeout)
        self._button_services = ButtonServices(self, p.person, self._log)
        self._control: Control | None = None  # newest, and its arrival [s]
        self._control_at = 0.0
        self._tool: tuple[Pose, float] | None = None  # newest measured pose, and its arrival [s]
        self._command: ArmCommand | None = None  # published last, and when [s]
        self._published_at = 0.0
        self._refused, self._refusal = 0, ''  # number of invalid readings, text of the newest one
        self._publisher = self._create_publisher(TELEOP_COMMAND)
        self.create_subscription(CONTROL.type, CONTROL.name, self._on_control, CONTROL.qos)
        if p.motion.frame == 'tool':
            self.create_subscription(
                ARM_STATE.type, ARM_STATE.name, self._on_arm_state, ARM_STATE.qos
            )
        self._diagnostics = Diagnostics(self, self._health)
        self._subscriber = DeviceSubscriber(self, self._device, self._on_device)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(TICK_PERIOD, self._tick, clock=steady)
        if p.stop_lock:
            lock = self._create_publisher(STOP_LOCK)
            self.create_timer(STOP_LOCK_PERIOD, lambda: lock.publish(self._locked()), clock=steady)

    def _on_device(self, topic: str, value: Any) -> None:
        now = steady_time()
        try:
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
        for event in reading.pressed:
            self._button_services.call(event)
        stamp = self.get_clock().now().nanoseconds
        command = self._mapper.on_reading(reading, self._arm_feedback(now), stamp, now)
        if command is None:
            return
        previous = self._command.reason if self._command else None
        if reading.held and command.reason and command.reason != previous:
            self._log(command.reason)
        self._publisher.publish(to_msg(command, self._config.base_frame))
        self._published_at, self._command = now, command

    def _arm_feedback(self, now: float) -> ArmFeedback:
        fresh = self._tool is not None and now - self._tool[1] <= POSE_MAX_AGE
        control = self._control if now - self._control_at < GATE_TIMEOUT else None
        orientation = self._tool[0].orientation if self._tool and fresh else None
        return ArmFeedback(orientation, control.sent.gripper if control else None)

    def _tick(self) -> None:
        self._subscriber.poll()
        now = steady_time()
        lost = self._subscriber.missing_publishers() if math.isinf(self._device.timeout) else ''
        if self._mapper.check_timeout(now, lost):
            self._log(f'{self._config.device} is dead: {self._mapper.dead_reason}')
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
        if mapper.dead_reason:
            level, text = (Level.ERROR if mapper.held else Level.WARN), mapper.dead_reason
        elif not mapper.alive:
            level, text = Level.WARN, self._subscriber.missing_publishers() or 'nothing heard yet'
        return [Health('teleop', level, f'{device}: {text}', values)]

    def _locked(self) -> Bool:
        return Bool(data=not self._mapper.alive)

    def _create_publisher(self, topic: Any) -> Any:
        return self.create_publisher(topic.type, topic.name, topic.qos)

    def describe(self) -> str:
        """Return a status line: mode and reason of the gate, the speed, the device's state."""
        gate = self._control if steady_time() - self._control_at < GATE_TIMEOUT else None
        mode = f'{gate.mode.name:7} {gate.reason}' if gate else 'the gate is silent'
        return f'{mode:48} speed {100 * self._mapper.factor:3.0f} %  {self._health()[0].message}'

    def close(self) -> None:
        """Restore the terminal."""
        self._subscriber.close()


class ButtonServices:
    """Calls the service of a button and logs the answer."""

    def __init__(self, node: Node, person: str, log: Callable[[str], object]):
        """`person` is the name that the services are given."""
        self._log = log
        self._fields: dict[ButtonEvent, dict[str, Any]] = {
            ButtonEvent.TAKE_OVER: {'request': Intervene.Request.TAKE_OVER, 'source': person},
            ButtonEvent.RELEASE: {'request': Intervene.Request.RELEASE, 'source': person},
            ButtonEvent.SUCCESS: {'outcome': int(Outcome.SUCCESS), 'decided_by': person},
            ButtonEvent.FAILURE: {'outcome': int(Outcome.FAILURE), 'decided_by': person},
        }
        self._clients = {
            service.name: node.create_client(service.type, service.name)
            for service in dict.fromkeys(SERVICES.values())
        }
        self._pending: dict[Future, tuple[str, float]] = {}  # event name, deadline [s]

    def call(self, event: ButtonEvent) -> None:
        """Call the service of a button; an event without a service does nothing here."""
        if (service := SERVICES.get(event)) is None:
            return
        client, name = self._clients[service.name], event.value.replace('_', ' ')
        if not client.service_is_ready():
            self._log(f'{name}: nobody offers {service.name}; the {service.owner} does not run')
            return
        future = client.call_async(service.type.Request(**self._fields.get(event, {})))
        self._pending[future] = (name, steady_time() + ANSWER_TIMEOUT)
        future.add_done_callback(partial(self._on_answer, name))

    def check_timeouts(self) -> None:
        """Log every call that was not answered in time."""
        now = steady_time()
        for future, (name, deadline) in list(self._pending.items()):
            if future.done():
                del self._pending[future]
            elif now > deadline:
                del self._pending[future]
                self._log(f'{name}: no answer within {ANSWER_TIMEOUT:g} s')

    def _on_answer(self, name: str, future: Future) -> None:
        answer = future.result()
        if answer is None:
            return
        accepted = answer.accepted if hasattr(answer, 'accepted') else answer.success
        reason = answer.reason if hasattr(answer, 'reason') else answer.message
        self._log(f'{name}: done' if accepted else f'{name}: refused: {reason}')


def main() -> int:
    """Run the node."""
    return run_node(TeleopNode)


if __name__ == '__main__':
    sys.exit(main())
