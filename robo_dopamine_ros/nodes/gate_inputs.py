"""What the gate's node receives: commands, episode and safety inputs, each from one publisher."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from rclpy.node import Node

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.nodes.gate_parameters import GateParameters
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg
from robo_dopamine_ros.ros.publishers import check_one_publisher
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.safety.gate import Gate, GateSettings
from robo_dopamine_ros.types import Mode

COMMAND_TOPICS = {
    Mode.HUMAN: topics.TELEOP_COMMAND,
    Mode.RESET: topics.RESET_COMMAND,
    Mode.POLICY: topics.POLICY_COMMAND,
}


def gate_settings(parameters: GateParameters) -> GateSettings:
    """Return the settings of the gate from the parameters of its node."""
    zones = (topics.SAFETY_ZONE.name,) if parameters.zone else ()
    return GateSettings(
        frame=parameters.driver.base_frame,
        armed=parameters.armed,
        require_stop_lock=parameters.stop_lock,
        other_stop_locks=parameters.other_stop_locks,
        require_enable=parameters.enable == 'topic',
        zones=(*zones, *parameters.other_zones),
    )


class GateInputs:
    """Subscribes and passes what arrives to the gate."""

    def __init__(self, node: Node, gate: Gate, parameters: GateParameters) -> None:
        self.refused: Counter[str] = Counter()  # commands, by topic
        self.policy_fault = ''  # why no command of the policy counts; empty: they do
        self._node, self._gate = node, gate
        self._topics: dict[str, str] = {}  # name -> full name, of topics with one publisher
        for mode, topic in COMMAND_TOPICS.items():
            self._subscribe(topic, partial(self._on_command, mode))
        self._subscribe(topics.EPISODE, self._on_episode)
        for name in (topics.STOP_LOCK.name, *parameters.other_stop_locks):
            self._subscribe(replace(topics.STOP_LOCK, name=name), partial(self._on_lock, name))
        for name in (topics.SAFETY_ZONE.name, *parameters.other_zones):
            self._subscribe(replace(topics.SAFETY_ZONE, name=name), partial(self._on_zone, name))
        if parameters.enable == 'topic':
            self._subscribe(topics.ENABLE, self._on_enable)

    def check_publishers(self) -> str:
        """Return which topic has several publishers, so that the arm must stop; empty: none.

        A policy node that may have been restarted, as `up` does, stops nothing else: while DDS
        lists it twice the gate follows no command of the policy, and latches if it was active.
        """
        for name, full_name in self._topics.items():
            reason, restarted = check_one_publisher(self._node, full_name)
            if name == topics.POLICY_COMMAND.name:
                self.policy_fault = reason
                self._gate.set_source_fault(Mode.POLICY, reason)
                reason = '' if restarted else reason
            if reason:
                return reason
        return ''

    def _subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        subscription = self._node.create_subscription(topic.type, topic.name, callback, topic.qos)
        self._topics[topic.name] = subscription.topic_name

    def _on_command(self, mode: Mode, message: Any) -> None:
        frame, command = message.header.frame_id, from_msg(message)
        stamp = self._node.get_clock().now().nanoseconds
        reason = self._gate.on_command(mode, command, frame, stamp, steady_time())
        if reason:
            name = COMMAND_TOPICS[mode].name
            self.refused[name] += 1
            self._warn(f'{name} refused: {reason}')

    def _on_episode(self, message: Any) -> None:
        try:
            self._gate.on_episode(from_msg(message), steady_time())
        except ValueError as error:  # then the episode manager counts as silent
            self._warn(f'episode refused: {error}')

    def _on_lock(self, name: str, message: Any) -> None:
        self._gate.on_stop_lock(message.data, steady_time(), name)

    def _on_zone(self, name: str, message: Any) -> None:
        self._gate.on_zone(message.state, message.source, steady_time(), name)

    def _on_enable(self, message: Any) -> None:
        self._gate.on_enable(message.data, steady_time())

    def _warn(self, text: str) -> None:
        self._node.get_logger().warning(text, throttle_duration_sec=1.0)
