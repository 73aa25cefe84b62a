"""Node `gate`: the only publisher to the arm's driver; see safety/gate.py for its rules."""

import sys
from collections.abc import Sequence
from typing import Any

from rclpy.node import Node

from robo_dopamine_ros.arms.config import make_arm
from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.nodes.gate_inputs import COMMAND_TOPICS, GateInputs, gate_settings
from robo_dopamine_ros.nodes.gate_parameters import GateParameters
from robo_dopamine_ros.nodes.gate_services import GateServices
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.arm_bridge import ArmBridge
from robo_dopamine_ros.ros.convert import to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.safety.gate import Gate
from robo_dopamine_ros.types import ArmState, Control


class GateNode(Node):
    """Connects command topics, services and the arm's driver to the gate."""

    def __init__(self) -> None:
        super().__init__('gate')
        parameters = declare(self, GateParameters)
        driver, limits = parameters.driver, parameters.limits
        self._frame = driver.base_frame
        names = {mode: topic.name for mode, topic in COMMAND_TOPICS.items()}
        self._gate = Gate(limits, gate_settings(parameters), names)
        try:
            arm = make_arm(driver, limits.arm_timeout, parameters.tool_limits)
        except ValueError as error:
            raise ParameterError(f'driver: {error}') from error
        self._arm = ArmBridge(self, arm, driver.namespace)
        self._gate_services = GateServices(self, self._gate, self._arm)
        self._inputs = GateInputs(self, self._gate, parameters)
        self._control: Control | None = None  # of the newest tick
        self._protections = protections_health(parameters)
        self._hardware = f'{driver.arm} {driver.model}'.strip()
        off_on_hardware = parameters.disabled() and not parameters.simulated
        log = self.get_logger().warning if off_on_hardware else self.get_logger().info
        log(f'protections: {self._protections.message}')
        self._last_tick = steady_time()
        self._longest_tick = 0.0  # since the last diagnostics [s]
        self._state_publisher = self._publisher(topics.ARM_STATE)
        self._control_publisher = self._publisher(topics.CONTROL)
        create_steady_timer(self, 1 / parameters.rate, self._tick)
        Diagnostics(self, self._health)

    def _publisher(self, topic: Topic) -> Any:
        return self.create_publisher(topic.type, topic.name, topic.qos)

    def _tick(self) -> None:
        now, stamp = steady_time(), self._stamp()
        self._longest_tick = max(self._longest_tick, now - self._last_tick)
        self._last_tick = now
        state = self._arm.state(now)
        stop_reason = self._arm.other_publishers() or self._inputs.check_publishers()
        stop_reason = stop_reason or self._arm.arm.arming_obstacle()
        control = self._gate.update(now, stamp, self._gate_services.busy or state, stop_reason)
        if control.target is not None:
            opening, commanded = self._gate.gripper_command, control.sent.valid
            sent = self._arm.command(control.target, opening, now, commanded)
            control = self._gate.correct_target(control, sent.target, sent.reason)
        self._control_publisher.publish(to_msg(control, self._frame))
        if isinstance(state, ArmState):
            self._state_publisher.publish(to_msg(state, self._frame))
        self._control, before = control, self._control
        if before is None or (control.mode, control.latched) != (before.mode, before.latched):
            self.get_logger().info(f'{control.mode.name}: {control.reason or control.source}')

    def _health(self) -> Sequence[Health]:
        control, self._longest_tick, longest = self._control, 0.0, self._longest_tick
        if control is None:
            return [Health('gate', Level.ERROR, 'no tick yet')]
        values = {
            'longest between ticks [s]': longest,
            **{f'refused, {name}': count for name, count in self._inputs.refused.items()},
            **self._arm.channel_errors,
        }
        if not_told := self._arm.arm.not_told:
            values['not told by the driver'] = not_told
        fault = self._inputs.policy_fault
        level = Level.ERROR if control.latched else Level.WARN if fault else Level.OK
        summary = f'{control.mode.name}: {control.reason or fault or "ok"}'
        return [Health('gate', level, summary, values, self._hardware), self._protections]

    def _stamp(self) -> int:
        return self.get_clock().now().nanoseconds


def protections_health(parameters: GateParameters) -> Health:
    """Return which protections are off."""
    needless = parameters.needlessly_named()
    where = ', simulated arm' if parameters.simulated else ''
    texts = [f'off{where}: {", ".join(parameters.disabled())}'] if parameters.disabled() else []
    texts += [f'named as disabled, but on: {", ".join(needless)}'] if needless else []
    off = {key: effect for key, effect in parameters.protections().items() if effect}
    level = Level.WARN if needless else Level.OK
    return Health('protections', level, '; '.join(texts) or 'all are on', off)


def main() -> int:
    """Run the node as a process."""
    return run_node(GateNode, exclusive=topics.CONTROL)


if __name__ == '__main__':
    sys.exit(main())
