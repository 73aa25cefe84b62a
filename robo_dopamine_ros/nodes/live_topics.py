"""Refuses to start a cell whose nodes or topics are alive already: of another cell, or a driver.

Two cells in one domain answer the same services, and a second source of images is taken for the
cameras. A lock shows a node of ours on this machine; messages show everything else. Entries of the
graph do not, because they outlive their processes.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.nodes.cell import Process
from robo_dopamine_ros.ros import single_instance, topics
from robo_dopamine_ros.ros.interfaces import get_interface
from robo_dopamine_ros.ros.publishers import UNKNOWN, node_name
from robo_dopamine_ros.ros.shutdown import destroy_when_quiet
from robo_dopamine_ros.ros.single_instance import (
    DISCOVERY_TIME,
    LISTEN_TIME,
    AlreadyRunningError,
)
from robo_dopamine_ros.types import VIEWS

NAMES_TIMEOUT = 1.0  # [s] for the names of nodes that publish
CAMERA_NODES = ('sim', 'player')  # they publish the views


def check_nothing_alive(processes: Sequence[Process]) -> None:
    """Raise AlreadyRunningError if one of the processes runs, or something publishes its topics."""
    single_instance.check_not_running(process.full_name for process in processes)
    for name, publishers in alive_topics(processes).items():
        by = f' by {", ".join(publishers)}' if publishers else ''
        driven = name.endswith('/teleop/command') and len(processes) > 1
        without = 'start the cell with --without teleop, ' if driven else ''
        raise AlreadyRunningError(
            f'{name} is published already{by}: {without}stop that, or give this cell a namespace '
            'or a DDS domain of its own'
        )


def alive_topics(processes: Sequence[Process]) -> dict[str, list[str]]:
    """Return the full names of topics that only `processes` may publish and that carry messages.

    Each with the nodes that publish it; the search ends with the first topic that is found.
    """
    with _listener(processes) as node:
        listening = [
            node.create_subscription(kind, name, _ignore, topics.sensor_data(1))
            for name, kind in sole_topics(processes).items()
        ]
        started = steady_time()
        while steady_time() - started < _listen_time(node, listening):
            for one in listening:
                if _has_message(one):
                    return {one.topic_name: _publishers(node, one.topic_name)}
            time.sleep(0.02)
    return {}


def sole_topics(processes: Sequence[Process]) -> dict[str, Any]:
    """Return the topics, as name -> type, that nothing but these processes may publish."""
    nodes = {process.executable for process in processes}
    found = {topic.name: topic.type for topic in topics.TOPICS if topic.source in nodes}
    if nodes & set(CAMERA_NODES):
        for transport in ('raw', 'compressed'):
            views = [topics.camera_topic(view, transport) for view in VIEWS]
            found |= {topic.name: topic.type for topic in views}
    if 'sim' in nodes:
        from robo_dopamine_ros.nodes.crisp_emulator import STATE_CHANNELS

        found |= {channel.name: get_interface(channel.type) for channel in STATE_CHANNELS}
    return found


@contextmanager
def _listener(processes: Sequence[Process]) -> Iterator[Node]:
    """Provide a node in the namespace of the processes, with their remappings."""
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    remappings = {old: new for process in processes for old, new in process.remappings.items()}
    words = [word for old, new in remappings.items() for word in ('-r', f'{old}:={new}')]
    node = rclpy.create_node(
        'before_start',
        context=context,
        namespace=processes[0].namespace if processes else '',
        cli_args=['--ros-args', *words] if words else None,
        use_global_arguments=False,
        start_parameter_services=False,
    )
    try:
        yield node
    finally:
        destroy_when_quiet(node)
        context.try_shutdown()


def _listen_time(node: Node, subscriptions: Sequence[Any]) -> float:
    """How long to listen [s]: longer while one of the topics has a publisher."""
    published = any(node.count_publishers(one.topic_name) for one in subscriptions)
    return LISTEN_TIME if published else DISCOVERY_TIME


def _has_message(subscription: Any) -> bool:
    with subscription.handle:
        return subscription.handle.take_message(subscription.msg_type, False) is not None


def _publishers(node: Node, topic: str) -> list[str]:
    """Return the full names of the nodes that publish a topic, as far as they become known."""
    started = steady_time()
    while True:
        infos = node.get_publishers_info_by_topic(topic)
        known = [one for one in infos if one.node_name != UNKNOWN]
        if len(known) == len(infos) > 0 or steady_time() - started > NAMES_TIMEOUT:
            return sorted(set(map(node_name, known)))
        time.sleep(0.02)


def _ignore(_: Any) -> None:
    """Callback of subscriptions that are read on demand; never called."""
