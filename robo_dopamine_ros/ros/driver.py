"""Binds an arm to a node: its channels become topics, its scripts calls; see arms/arm.py."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from robo_dopamine_ros.arms.arm import Arm, Channel, Out, Script, Told
from robo_dopamine_ros.ros.convert import from_time
from robo_dopamine_ros.ros.goals import Goals
from robo_dopamine_ros.ros.interfaces import MissingInterface, interface
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.ros.scripts import Scripts, resolved
from robo_dopamine_ros.ros.values import to_message, to_value
from robo_dopamine_ros.types import ArmState, Pose


class Driver:
    """Speaks with the driver of an arm; `now` is `time.monotonic()` everywhere.

    A service of the node that awaits `perform` must be in `group`: a callback that waits keeps all
    others of an exclusive group from running.
    """

    def __init__(self, node: Node, arm: Arm, namespace: str = '') -> None:
        """ParameterError when messages that the arm cannot do without are not installed."""
        self.arm, self.group = arm, ReentrantCallbackGroup()
        self._node, self._namespace = node, namespace
        self._refused: dict[str, str] = {}  # why, of channels whose newest message was refused
        self._absent: dict[str, str] = {}  # why, of optional channels that are left out
        self._publishers: dict[str, Any] = {}
        self._goals: dict[str, Goals] = {}
        self._kinds: dict[str, Any] = {}
        self._scripts = Scripts(node, namespace, self.group)
        self._open(arm.hears, self._listen)
        self._open(arm.tells, self._announce)

    def state(self, now: float) -> ArmState | str:
        """Give what the arm measures, or why that is not known."""
        state = self.arm.state(now)
        return '; '.join([state, *self._refused.values()]) if isinstance(state, str) else state

    def tell(self, target: Pose, gripper: float, now: float) -> Told:
        """Send the tool there; gives what was really sent."""
        told = self.arm.tell(target, gripper, now)
        for out in told.outs:
            self._send(out)
        for goals in self._goals.values():
            goals.flush()
        return told

    def rivals(self) -> str:
        """Name those who speak where the driver listens to one node alone; empty: nobody."""
        for channel in self.arm.tells:
            publisher = self._publishers.get(channel.name) if channel.exclusive else None
            if publisher is None or self._node.count_publishers(publisher.topic_name) < 2:
                continue
            topic = publisher.topic_name
            found = self._node.get_publishers_info_by_topic(topic)
            nodes = sorted(f'{i.node_namespace.rstrip("/")}/{i.node_name}' for i in found)
            return f'{len(nodes)} publishers on {topic}, there must be one: {", ".join(nodes)}'
        return ''

    async def perform(self, script: Script) -> tuple[str, list[str]]:
        """Run `start` or `recover` of the arm; gives what is still wrong, and what was tried."""
        return await self._scripts.perform(script)

    @property
    def notes(self) -> Mapping[str, str]:
        """What people should know, by channel: left out, refused, not reached."""
        goals = {name: goals.note for name, goals in self._goals.items() if goals.note}
        return {**self._absent, **self._refused, **goals}

    def _open(self, channels: Any, bind: Callable[[Channel, Any], None]) -> None:
        for channel in channels:
            try:
                bind(channel, interface(channel.type))
            except MissingInterface as error:
                if not channel.optional:
                    raise ParameterError(f'arm {self.arm.name}: {error}') from error
                self._absent[channel.name] = f'left out: {error}'

    def _listen(self, channel: Channel, kind: Any) -> None:
        self._node.create_subscription(
            kind,
            resolved(self._namespace, channel.name),
            lambda message: self._hear(channel, message),
            quality(channel),
            callback_group=self.group,
        )

    def _hear(self, channel: Channel, message: Any) -> None:
        name, now = channel.name, time.monotonic()
        header = getattr(message, 'header', None)
        try:
            if header is not None and channel.frame not in ('', header.frame_id):
                raise ValueError(f'its frame is {header.frame_id!r}, not {channel.frame!r}')
            stamp = from_time(header.stamp) if header is not None else 0
            self.arm.hear(name, to_value(message), stamp or self._stamp(), now)
        except ValueError as error:
            self._refused[name] = f'{name} is refused: {error}'
            self._node.get_logger().warning(self._refused[name], throttle_duration_sec=5.0)
        else:
            self._refused.pop(name, None)

    def _announce(self, channel: Channel, kind: Any) -> None:
        name = resolved(self._namespace, channel.name)
        self._kinds[channel.name] = kind
        if '/action/' in channel.type:
            self._goals[channel.name] = Goals(self._node, kind, name, self.group)
        else:
            self._publishers[channel.name] = self._node.create_publisher(
                kind, name, quality(channel)
            )

    def _send(self, out: Out) -> None:
        kind = self._kinds.get(out.channel)
        if kind is None:
            return  # optional and left out, as the notes say
        if out.channel in self._goals:
            self._goals[out.channel].offer(to_message(kind.Goal, out.value))
        else:
            message = to_message(kind, out.value, self._stamp(), out.frame)
            self._publishers[out.channel].publish(message)

    def _stamp(self) -> int:
        return self._node.get_clock().now().nanoseconds


def quality(channel: Channel) -> QoSProfile:
    """Give the quality of service of a channel."""
    reliability, durability = ReliabilityPolicy, DurabilityPolicy
    return QoSProfile(
        depth=channel.depth,
        reliability=reliability.RELIABLE if channel.reliable else reliability.BEST_EFFORT,
        durability=durability.TRANSIENT_LOCAL if channel.kept else durability.VOLATILE,
    )
