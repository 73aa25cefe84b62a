"""A gamepad and its driver: publishes on `joy`, at 40 Hz, the newest message of `joy_input`.

Deflected sticks read a little differently at every fourth message, as in a hand. The frame_id of an
input says what else happens: `touch` moves a stick for a moment, within its dead zone; `quiet`: the
driver no longer repeats what does not change; `xbox`: another gamepad is connected in its place,
whose triggers read 1 at rest, and a bag presses its buttons.
"""

import itertools
import sys

from _hands import JOY, QUIET, TOUCH, XBOX, input_topic
from rclpy.node import Node
from sensor_msgs.msg import Joy

from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import LATCHED
from robo_dopamine_ros.teleop.joy import TOPIC, JoyConfig

RATE = 40.0  # [Hz]
TREMOR, TREMOR_PERIOD = 0.004, 4  # of a deflected stick; [messages]
XBOX_AXES = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
XBOX_PRESSED = (9, 11, 4, 6)  # dead-man, success, rearm, start in the documented order


class FakeGamepad(Node):
    """Repeats the newest state; untouched until the first."""

    def __init__(self) -> None:
        super().__init__('gamepad')
        config = JoyConfig()
        self._state = Joy(axes=[0.0] * len(config.axes), buttons=[0] * len(config.buttons))
        self._what, self._published = '', Joy()
        self._count = itertools.count()
        self._joy = self.create_publisher(Joy, TOPIC, 10)
        self.create_subscription(Joy, input_topic(JOY), self._on_input, LATCHED)
        self.create_timer(1 / RATE, self._publish)

    def _on_input(self, message: Joy) -> None:
        self._state = message
        if message.header.frame_id != TOUCH:
            self._what = message.header.frame_id
            return
        self._joy.publish(Joy(axes=[TREMOR, *message.axes[1:]], buttons=message.buttons))

    def _publish(self) -> None:
        number = next(self._count) // TREMOR_PERIOD
        axes = [axis + TREMOR * (number % 2) * (axis != 0) for axis in self._state.axes]
        message = Joy(axes=axes, buttons=self._state.buttons)
        if self._what == XBOX:
            pressed = XBOX_PRESSED[number // 2 % len(XBOX_PRESSED)] if number % 2 else -1
            message = Joy(axes=XBOX_AXES, buttons=[int(i == pressed) for i in range(15)])
        unchanged = (message.axes, message.buttons) == (
            self._published.axes,
            self._published.buttons,
        )
        self._published = message
        if self._what == QUIET and unchanged:
            return
        message.header.stamp = self.get_clock().now().to_msg()
        self._joy.publish(message)


if __name__ == '__main__':
    sys.exit(run_node(FakeGamepad))
