"""A gamepad and its driver: publishes on `joy`, at 40 Hz, the newest message of `joy_input`.

Deflected sticks read a little differently at every fourth message, as in a hand. An input whose
frame_id is `touch` moves a stick for a moment, within its dead zone.
"""

import sys

from rclpy.node import Node
from sensor_msgs.msg import Joy

from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import LATCHED
from robo_dopamine_ros.teleop.joy import TOPIC, JoyConfig

RATE = 40.0  # [Hz]
TREMOR, TREMOR_PERIOD = 0.004, 4  # of a deflected stick; [messages]
TOUCH = 'touch'
INPUT_TOPIC = 'joy_input'  # state of the gamepad, as a Joy message


class FakeGamepad(Node):
    """Repeats the newest state; untouched until the first."""

    def __init__(self) -> None:
        super().__init__('gamepad')
        config = JoyConfig()
        self._state = Joy(axes=[0.0] * len(config.axes), buttons=[0] * len(config.buttons))
        self._count = 0
        self._joy = self.create_publisher(Joy, TOPIC, 10)
        self.create_subscription(Joy, INPUT_TOPIC, self._on_input, LATCHED)
        self.create_timer(1 / RATE, self._publish)

    def _on_input(self, message: Joy) -> None:
        if message.header.frame_id == TOUCH:
            self._joy.publish(Joy(axes=[TREMOR, *self._state.axes[1:]], buttons=self._state.buttons))
        else:
            self._state = message

    def _publish(self) -> None:
        self._count += 1
        shift = TREMOR * (self._count // TREMOR_PERIOD % 2)
        axes = [axis + shift * (axis != 0) for axis in self._state.axes]
        message = Joy(axes=axes, buttons=self._state.buttons)
        message.header.stamp = self.get_clock().now().to_msg()
        self._joy.publish(message)


if __name__ == '__main__':
    sys.exit(run_node(FakeGamepad))
