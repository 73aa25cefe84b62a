"""Connects an arm to a node: channels become topics and actions, sequences become calls.

See arms/arm.py for the interface of an arm, and driver_clients.py for services and actions.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from robo_dopamine_ros.arms.arm import Arm, CallSequence, Channel, DriverCommand, OutgoingMessage
from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros.convert import decode_driver_message, encode_driver_message, from_time
from robo_dopamine_ros.ros.driver_clients import CallSequenceRunner, LatestGoalClient, resolve_name
from robo_dopamine_ros.ros.interfaces import MissingInterface, get_interface
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.ros.publishers import publishing_nodes
from robo_dopamine_ros.types import ArmState, Pose


class ArmBridge:
    """Exchanges messages with the driver of an arm; `now` is `steady_time()` everywhere.

    A service of the node that awaits `run_sequence` must be in `callback_group`: in an exclusive
    group a waiting callback blocks all others.
    """

    def __init__(self, node: Node, arm: Arm, namespace: str = '') -> None:
        """ParameterError when message packages that the arm requires are not installed."""
        self.arm, self.callback_group = arm, ReentrantCallbackGroup()
        self._node, self._namespace = node, namespace
        self._refused: dict[str, str] = {}  # channel -> why its newest message was refused
        self._unavailable: dict[str, str] = {}  # optional channel -> why it is left out
        self._publishers: dict[str, Any] = {}
        self._goal_clients: dict[str, LatestGoalClient] = {}
        self._types: dict[str, Any] = {}
        self._sequences = CallSequenceRunner(node, namespace, self.callback_group)
        self._open(arm.inputs, self._subscribe)
        self._open(arm.outputs, self._advertise)

    def state(self, now: float) -> ArmState | str:
        """Return the measured state, or why it is not known."""
        state = self.arm.state(now)
        return '; '.join([state, *self._refused.values()]) if isinstance(state, str) else state

    def command(
        self, target: Pose, gripper: float, now: float, commanded: bool = True
    ) -> DriverCommand:
        """Send the tool to a target pose; return what was really sent.

        Goals of the gripper that wait are dropped while no source is active, see `Arm.command`.
        """
        command = self.arm.command(target, gripper, now, commanded)
        for message in command.messages:
            self._send(message)
        for client in self._goal_clients.values():
            if commanded and math.isfinite(gripper):
                client.send_pending()
            else:
                client.drop_pending()
        return command

    def other_publishers(self) -> str:
        """Name the publishers on a topic where there must be one, empty: only this node."""
        for channel in self.arm.outputs:
            publisher = self._publishers.get(channel.name) if channel.exclusive else None
            if publisher is None or self._node.count_publishers(publisher.topic_name) < 2:
                continue
            topic = publisher.topic_name
            nodes = publishing_nodes(self._node, topic)
            return f'{len(nodes)} publishers on {topic}, there must be one: {", ".join(nodes)}'
        return ''

    async def run_sequence(self, sequence: CallSequence) -> tuple[str, list[str]]:
        """Run `start` or `recover` of the arm; return the remaining error and the steps taken."""
        return await self._sequences.run(sequence)

    @property
    def channel_errors(self) -> Mapping[str, str]:
        """Channel -> why it is left out, its message was refused, or its request not fulfilled."""
        goals = {name: client.error for name, client in self._goal_clients.items() if client.error}
        return {**self._unavailable, **self._refused, **goals, **self.arm.problems}

    def _open(self, channels: Any, connect: Callable[[Channel, Any], None]) -> None:
        for channel in channels:
            try:
                connect(channel, get_interface(channel.type))
            except MissingInterface as error:
                if not channel.optional:
                    raise ParameterError(f'arm {self.arm.name}: {error}') from error
                self._unavailable[channel.name] = f'left out: {error}'

    def _subscribe(self, channel: Channel, kind: Any) -> None:
        self._node.create_subscription(
            kind,
            resolve_name(self._namespace, channel.name),
            lambda message: self._on_message(channel, message),
            _channel_qos(channel),
            callback_group=self.callback_group,
        )

    def _on_message(self, channel: Channel, message: Any) -> None:
        name, now = channel.name, steady_time()
        header = getattr(message, 'header', None)
        try:
            if header is not None and channel.frame not in ('', header.frame_id):
                raise ValueError(f'its frame is {header.frame_id!r}, not {channel.frame!r}')
            stamp = from_time(header.stamp) if header is not None else 0
            self.arm.on_message(name, decode_driver_message(message), stamp or self._stamp(), now)
        except ValueError as error:
            self._refused[name] = f'{name} is refused: {error}'
            self._node.get_logger().warning(self._refused[name], throttle_duration_sec=5.0)
        else:
            self._refused.pop(name, None)

    def _advertise(self, channel: Channel, kind: Any) -> None:
        name = resolve_name(self._namespace, channel.name)
        self._types[channel.name] = kind
        if '/action/' in channel.type:

            def on_end(error: str) -> None:
                self.arm.on_goal_end(channel.name, error, steady_time())

            client = LatestGoalClient(self._node, kind, name, self.callback_group, on_end)
            self._goal_clients[channel.name] = client
        else:
            publisher = self._node.create_publisher(kind, name, _channel_qos(channel))
            self._publishers[channel.name] = publisher

    def _send(self, message: OutgoingMessage) -> None:
        kind = self._types.get(message.channel)
        if kind is None:
            return  # optional and left out, see channel_errors
        if message.channel in self._goal_clients:
            self._goal_clients[message.channel].set_goal(
                encode_driver_message(kind.Goal, message.value)
            )
        else:
            encoded = encode_driver_message(kind, message.value, self._stamp(), message.frame)
            self._publishers[message.channel].publish(encoded)

    def _stamp(self) -> int:
        return self._node.get_clock().now().nanoseconds


def _channel_qos(channel: Channel) -> QoSProfile:
    reliability, durability = ReliabilityPolicy, DurabilityPolicy
    return QoSProfile(
        depth=channel.depth,
        reliability=reliability.RELIABLE if channel.reliable else reliability.BEST_EFFORT,
        durability=durability.TRANSIENT_LOCAL if channel.transient_local else durability.VOLATILE,
    )
