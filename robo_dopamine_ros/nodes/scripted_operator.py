"""The scripted operator as a node, for simulation: a simulated person who drives by gamepad.

It publishes `joy` alone, so the teleoperation node and the gate treat it as they treat a person.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Joy
from std_srvs.srv import SetBool

from robo_dopamine_ros.arms.crisp import CURRENT_POSE, EXTERNAL_WRENCH
from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.envs.expert import (
    ExpertNoise,
    ExpertObservation,
    ScriptedExpert,
    observe_poses,
)
from robo_dopamine_ros.envs.scripted_operator import InterventionConfig, ScriptedOperator
from robo_dopamine_ros.envs.waypoint_plans import STYLES, make_plan
from robo_dopamine_ros.ros.convert import decode_driver_message, from_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health
from robo_dopamine_ros.ros.interfaces import get_interface
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.topics import CONTROL, EPISODE, SIM_BOARD, sensor_data
from robo_dopamine_ros.teleop.joy import TOPIC, JoyConfig, joy_for_twist
from robo_dopamine_ros.teleop.mapping import SpeedLimits
from robo_dopamine_ros.types import Mode, Phase, Pose

TRIGGERS = ('board', 'episode', 'stalled', 'request')


@dataclass(frozen=True)
class ScriptedOperatorParameters:
    """When the operator drives, how well, and with which gamepad."""

    trigger: str = 'episode'  # it drives on: episode, stalled, board, request; see docs/teleop.md
    style: str = 'demonstration'  # of the plans: demonstration, recovery, partial, near_miss, ...
    reports_outcome: bool = False  # press success or failure at the end
    intervention: InterventionConfig = field(default_factory=InterventionConfig)  # on stalled
    seed: int = 0  # of plans and noise
    noise: float = 0.06  # standard deviation of each action, as a share of full speed
    rate: float = 40.0  # joy messages per second [Hz]
    tip_offset: float = 0.045  # the peg's tip beyond the tool [m]
    joy: JoyConfig = field(default_factory=JoyConfig)  # equal to the teleoperation node's
    limits: SpeedLimits = field(default_factory=SpeedLimits)  # equal to its motion.limits

    def __post_init__(self) -> None:
        for name, known in (('trigger', TRIGGERS), ('style', STYLES)):
            if getattr(self, name) not in known:
                raise ValueError(f'{name} = {getattr(self, name)!r}; it must be {", ".join(known)}')
        if self.reports_outcome and self.trigger == 'stalled':
            raise ValueError(
                'reports_outcome = True, trigger = stalled; '
                'an operator who only intervenes must not report an outcome'
            )
        if not 20 <= self.rate <= 100:
            raise ValueError(f'rate = {self.rate} Hz; it must lie in 20..100 Hz')
        if not (self.seed >= 0 and 0 <= self.noise <= 1 and 0 <= self.tip_offset <= 1):
            text = f'seed = {self.seed}, noise = {self.noise}, tip_offset = {self.tip_offset} m'
            raise ValueError(f'{text}; they must be 0 or more, the last two at most 1')


class ScriptedOperatorNode(Node):
    """Wires a ScriptedOperator; the service `~/drive` starts it (true) or releases (false)."""

    def __init__(self) -> None:
        super().__init__('scripted_operator')
        self._p = declare(self, ScriptedOperatorParameters)
        self._rng = np.random.default_rng(self._p.seed)
        self._operator = ScriptedOperator(
            self._make_expert, self._p.reports_outcome, self._p.intervention
        )
        self._tool: Pose | None = None
        self._hole: Pose | None = None
        self._force = np.zeros(3)  # on the tool [N]
        for channel, callback in (
            (CURRENT_POSE, self._on_tool),
            (EXTERNAL_WRENCH, self._on_wrench),
        ):
            message_type = get_interface(channel.type)
            self.create_subscription(message_type, channel.name, callback, sensor_data(1))
        self._enabled = self._in_control = False  # by the gate
        self._episode = ''  # id of the running episode
        for topic, callback in (
            *((EPISODE, self._on_episode), (CONTROL, self._on_control)),
            (SIM_BOARD, self._on_board),
        ):
            self.create_subscription(topic.type, topic.name, callback, topic.qos)
        self._joy = self.create_publisher(Joy, TOPIC, 10)
        self.create_service(SetBool, '~/drive', self._on_drive)
        create_steady_timer(self, 1 / self._p.rate, self._publish_joy)
        Diagnostics(self, self._health)

    def _make_expert(self) -> ScriptedExpert:
        noise = ExpertNoise(action_noise=self._p.noise)
        return ScriptedExpert(make_plan(self._p.style, self._rng), self._rng, noise)

    def _on_tool(self, message: Any) -> None:
        self._tool = decode_driver_message(message)

    def _on_wrench(self, message: Any) -> None:
        self._force = decode_driver_message(message)[:3]

    def _on_board(self, message: Any) -> None:
        self._hole = decode_driver_message(message)
        if self._p.trigger == 'board':
            self._operator.start()

    def _on_episode(self, message: Any) -> None:
        episode = from_msg(message)
        running, now = episode.phase is Phase.RUNNING, steady_time()
        if running and episode.id != self._episode:
            if self._p.trigger == 'episode':
                self._operator.start()
            elif self._p.trigger == 'stalled':
                self._operator.on_episode_start(episode.index, now)
        elif episode.id == self._episode and not running:
            if self._operator.monitoring:
                times = self._operator.interventions
                self.get_logger().info(f'{episode.id}: intervened {times} times')
            self._operator.on_episode_end(now)
        self._episode = episode.id if running else ''

    def _on_control(self, message: Any) -> None:
        control = from_msg(message)
        self._enabled, self._in_control = not control.latched, control.mode is Mode.HUMAN

    def _on_drive(self, request: Any, response: Any) -> Any:
        if request.data:
            self._operator.start()
        else:
            self._operator.release(steady_time())
        response.success, response.message = True, self._operator.state.value
        return response

    def _observation(self) -> ExpertObservation | None:
        """The newest observation; None before the first poses of board and tool."""
        if self._tool is None or self._hole is None:
            return None
        return observe_poses(self._tool, self._hole, self._force, self._p.tip_offset)

    def _publish_joy(self) -> None:
        device = self._operator.update(
            steady_time(), self._observation(), self._enabled, self._in_control
        )
        joy = joy_for_twist(self._p.joy, self._p.limits, device.twist, device.buttons)
        message = Joy(axes=list(joy.axes), buttons=list(joy.buttons))
        message.header.stamp = self.get_clock().now().to_msg()
        self._joy.publish(message)

    def _health(self) -> Sequence[Health]:
        operator = self._operator
        values = {'monitoring': operator.monitoring, 'interventions': operator.total_interventions}
        return [Health('scripted_operator', message=operator.state.value, values=values)]


def main() -> int:
    """Run the node."""
    return run_node(ScriptedOperatorNode)


if __name__ == '__main__':
    sys.exit(main())
