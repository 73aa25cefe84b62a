"""The topics of a running cell: types, publishers and measured rates."""

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from robo_dopamine_ros.ros.interfaces import MissingInterface, get_interface
from robo_dopamine_ros.ros.publishers import node_name

HIDDEN = ('/rosout', '/parameter_events')


@dataclass(frozen=True)
class TopicState:
    """A topic as it is now."""

    name: str
    type: str
    publishers: tuple[str, ...]  # full names of nodes
    subscribers: int
    rate: float | None  # [Hz]; None: the type is not installed here


def measure(node: Node, parts: list[str], seconds: float) -> list[TopicState]:
    """Return the published topics that have one of `parts` in their name; rates over a time [s]."""
    own = f'{node.get_namespace().rstrip("/")}/{node.get_name()}'
    counts: dict[str, int] = defaultdict(int)
    topics = [
        (name, types[0])
        for name, types in sorted(node.get_topic_names_and_types())
        if name not in HIDDEN and (not parts or any(part in name for part in parts))
    ]
    subscriptions = {name: _count(node, name, kind, counts) for name, kind in topics}
    time.sleep(seconds)
    numbers = dict(counts)
    return [
        TopicState(
            name,
            kind,
            publishers,
            node.count_subscribers(name) - _own_subscriptions(node, name, own),
            numbers.get(name, 0) / seconds if subscriptions[name] is not None else None,
        )
        for name, kind in topics
        if (publishers := _publishers(node, name, own))
    ]


def _count(node: Node, name: str, kind: str, counts: dict[str, int]) -> Any:
    """Count the messages of a topic, undecoded; None where its type is not installed."""

    def on_message(_: bytes) -> None:
        counts[name] += 1

    profile = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    try:
        return node.create_subscription(get_interface(kind), name, on_message, profile, raw=True)
    except MissingInterface:
        return None


def _publishers(node: Node, name: str, own: str) -> tuple[str, ...]:
    infos = node.get_publishers_info_by_topic(name)
    return tuple(sorted({node_name(info) for info in infos} - {own}))


def _own_subscriptions(node: Node, name: str, own: str) -> int:
    infos = node.get_subscriptions_info_by_topic(name)
    return sum(node_name(info) == own for info in infos)
