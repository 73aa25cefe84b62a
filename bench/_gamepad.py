"""A gamepad's driver: says on `joy`, 40 times a second, what the topic `hand` said last."""

import sys

from rclpy.node import Node
from sensor_msgs.msg import Joy

from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import LATCHED
from robo_dopamine_ros.teleop.joy import TOPIC, JoyMap

RATE = 40.0  # [Hz]
HAND = 'hand'  # what a person does with the gamepad, as a Joy message


class Gamepad(Node):
    """Lies there until somebody takes it."""

    def __init__(self) -> None:
        super().__init__('gamepad')
        layout = JoyMap()
        self._now = Joy(axes=[0.0] * len(layout.axes), buttons=[0] * len(layout.buttons))
        self._out = self.create_publisher(Joy, TOPIC, 10)
        self.create_subscription(Joy, HAND, self._on_hand, LATCHED)
        self.create_timer(1 / RATE, self._tell)

    def _on_hand(self, message: Joy) -> None:
        self._now = message

    def _tell(self) -> None:
        self._now.header.stamp = self.get_clock().now().to_msg()
        self._out.publish(self._now)


if __name__ == '__main__':
    sys.exit(run(Gamepad))
