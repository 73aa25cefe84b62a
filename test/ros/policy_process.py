"""A policy that moves the tool slowly up and says so at 10 Hz, as a process that can be killed."""

import sys

import numpy as np
from rclpy.node import Node

from robo_dopamine_ros.ros.convert import to_msg
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import POLICY_COMMAND
from robo_dopamine_ros.types import ArmCommand

TWIST = np.array([0, 0, 0.01, 0, 0, 0])


class RisingPolicy(Node):
    def __init__(self) -> None:
        super().__init__('policy')
        topic = POLICY_COMMAND
        self._publisher = self.create_publisher(topic.type, topic.name, topic.qos)
        self.create_timer(0.1, self._act)

    def _act(self) -> None:
        stamp = self.get_clock().now().nanoseconds
        self._publisher.publish(to_msg(ArmCommand(stamp, TWIST), 'base'))


if __name__ == '__main__':
    sys.exit(run_node(RisingPolicy))
