"""A wire that can be cut: one topic of a cell, from `wired/NAME` on to NAME; `_wire.py camera`.

Killed or stopped, it is a cable that is pulled or a driver that hangs; who speaks and who listens
notice nothing else.
"""

import sys
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile

from robo_dopamine_ros.arms.crisp import POSE
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import STOP_LOCK, camera_topic, reliable

CAMERA = camera_topic('left_wrist')
WIRES: dict[str, tuple[str, Any, QoSProfile]] = {
    'camera': (CAMERA.name, CAMERA.type, CAMERA.qos),
    'state': (POSE.name, PoseStamped, reliable(1)),
    'lock': (STOP_LOCK.name, STOP_LOCK.type, STOP_LOCK.qos),
}


def near_end(topic: str) -> str:
    """Name under which those speak who are at the other end of a wire."""
    return f'wired/{topic}'


def main() -> int:
    name, kind, qos = WIRES[sys.argv[1]]

    def make() -> Node:
        node = Node('wire')
        far = node.create_publisher(kind, name, qos)
        node.create_subscription(kind, near_end(name), far.publish, qos, raw=True)
        return node

    return run(make)


if __name__ == '__main__':
    sys.exit(main())
