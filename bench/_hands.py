"""The hand at a teleoperation device of the fault bench: drives, lets go, touches and unplugs."""

from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Joy
from std_msgs.msg import Header

from robo_dopamine_ros.ros.topics import LATCHED
from robo_dopamine_ros.teleop.joy import JoyConfig, joy_for_twist
from robo_dopamine_ros.teleop.mapping import SpeedLimits
from robo_dopamine_ros.teleop.spacenav import SpaceMouseConfig

JOY, SPACENAV = 'joy', 'spacenav'  # devices; both are values of the parameter teleop.device
DRIVERS = {JOY: 'gamepad', SPACENAV: 'spacenav'}  # process of each
TOUCH, PULLED, STUCK = 'touch', 'pulled', 'stuck'  # what an input may say beside
QUIET, XBOX = 'quiet', 'xbox'


def input_topic(device: str) -> str:
    """Return the topic on which the bench gives a device its state, a Joy message."""
    return f'{device}_input'


class Hand:
    """Publishes what a hand does with the device; its fake driver publishes the rest."""

    def __init__(self, node: Node, device: str) -> None:
        self._device = device
        self._publisher = node.create_publisher(Joy, input_topic(device), LATCHED)
        self._axes, self._buttons = self._state(np.zeros(6), held=False)

    def drive(self, twist: np.ndarray, held: bool) -> None:
        """Request a twist (6,) [m/s, rad/s], with the dead-man held or not."""
        self._axes, self._buttons = self._state(twist, held)
        self.do('')

    def do(self, what: str) -> None:
        """Repeat the state, and do something else with the device."""
        header = Header(frame_id=what)
        self._publisher.publish(Joy(header=header, axes=self._axes, buttons=self._buttons))

    def _state(self, twist: np.ndarray, held: bool) -> tuple[Any, Any]:
        limits = SpeedLimits()
        if self._device == JOY:
            joy = joy_for_twist(JoyConfig(), limits, twist, ('dead_man',) if held else ())
            return list(joy.axes), list(joy.buttons)
        fractions = np.append(twist[:3] / limits.speed, twist[3:] / limits.angular_speed)
        return SpaceMouseConfig().curve.invert(fractions).tolist(), [0, int(held)]
