"""Publishers of a topic that must have one: a second one would mask the death of the first.

Also an idle second one counts. DDS lists a killed process until its lease expires: after 5 s with
`config/fastdds.xml`, after 20 s without.
"""

from typing import Any

from rclpy.node import Node

UNKNOWN = '_NODE_NAME_UNKNOWN_'  # node name of an endpoint whose node is not discovered yet


def node_name(endpoint: Any) -> str:
    """Return the full name of the node that has a publisher or subscription."""
    return f'{endpoint.node_namespace.rstrip("/")}/{endpoint.node_name}'


def publishing_nodes(node: Node, topic: str) -> list[str]:
    """Return the full names of the nodes that publish a topic, once per publisher.

    `topic` is the full name, after remapping, as `topic_name` of a subscription is.
    """
    return sorted(map(node_name, node.get_publishers_info_by_topic(topic)))


def check_one_publisher(node: Node, topic: str) -> tuple[str, bool]:
    """Return what is wrong with the publishers of a topic, and whether it may be one restarted.

    The text is empty for one publisher or none. Publishers of one node name may be a killed node
    that DDS still lists, and the same node started again.
    """
    if node.count_publishers(topic) < 2:
        return '', False
    nodes = publishing_nodes(node, topic)
    if len(nodes) < 2:  # one ended meanwhile
        return '', False
    restarted = len({name for name in nodes if not name.endswith(UNKNOWN)}) < 2
    hint = '; a killed node is listed for up to 20 s' if restarted else ''
    reason = f'{len(nodes)} publishers on {topic}, there must be one: {", ".join(nodes)}{hint}'
    return reason, restarted
