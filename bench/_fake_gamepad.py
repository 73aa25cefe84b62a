"""A gamepad driver: publishes on `joy`, at 40 Hz, the newest message of the topic `joy_input`."""

import sys

from rclpy.node import Node
from sensor_msgs.msg import Joy

from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import LATCHED
from robo_dopamine_ros.teleop.joy import TOPIC, JoyConfig

RATE = 40.0  # [Hz]
INPUT_TOPIC = 'joy_input'  # state of the gamepad, as a Joy message


class FakeGamepad(Node):
    """Repeats the newest state; untouched until the first."""

    def __init__(self) -> None:
        super().__init__('gamepad')
        config = JoyConfig()
        self._state = Joy(axes=[0.0] * len(config.axes), buttons=[0] * len(config.buttons))
        self._joy = self.create_publisher(Joy, TOPIC, 10)
        self.create_subscription(Joy, INPUT_TOPIC, self._on_input, LATCHED)
        self.create_timer(1 / RATE, self._publish)

    def _on_input(self, message: Joy) -> None:
        self._state = message

    def _publish(self) -> None:
        self._state.header.stamp = self.get_clock().now().to_msg()
        self._joy.publish(self._state)


if __name__ == '__main__':
    sys.exit(run_node(FakeGamepad))
