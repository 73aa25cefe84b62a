"""A relay of one topic of a cell, from `upstream/NAME` to NAME; `_relay.py camera`.

Killing or stopping it has the effect of an unplugged cable or a driver that hangs: the message
stream stops while publishers and subscribers keep running.
"""

import sys
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile

from robo_dopamine_ros.arms.crisp import CURRENT_POSE
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import STOP_LOCK, camera_topic, reliable

CAMERA = camera_topic('left_wrist')
RELAYS: dict[str, tuple[str, Any, QoSProfile]] = {
    'camera': (CAMERA.name, CAMERA.type, CAMERA.qos),
    'state': (CURRENT_POSE.name, PoseStamped, reliable(1)),
    'lock': (STOP_LOCK.name, STOP_LOCK.type, STOP_LOCK.qos),
}


def upstream(topic: str) -> str:
    """Topic that the relay of `topic` subscribes to."""
    return f'upstream/{topic}'


def main() -> int:
    name, kind, qos = RELAYS[sys.argv[1]]

    def make() -> Node:
        node = Node('relay')
        publisher = node.create_publisher(kind, name, qos)
        node.create_subscription(kind, upstream(name), publisher.publish, qos, raw=True)
        return node

    return run_node(make)


if __name__ == '__main__':
    sys.exit(main())
