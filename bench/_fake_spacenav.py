"""spacenav_node with a SpaceMouse that can be unplugged: publishes on `spacenav/joy`.

Like the driver (release 3.3) it publishes all the time, with or without a device: each report of
the device, and without one every 31 ms zeros (`zero_when_static`, else the last deflection). The
buttons stay as they were reported last. The topic `spacenav_input` says what the hand does, as a
Joy message. The frame_id `pulled` unplugs the device, `stuck` does so with `zero_when_static`
false, and `touch` moves the cap for a moment.
"""

import sys

import numpy as np
from _hands import PULLED, SPACENAV, STUCK, TOUCH, input_topic
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import LATCHED
from robo_dopamine_ros.teleop.spacenav import TOPIC

REPORT_PERIOD, STATIC_PERIOD = 0.016, 0.031  # [s] of the device's reports; of the driver's zeros
TREMOR = 0.004  # of a deflected cap
SPRING = (0.5, 0.1, 0.0)  # of the deflection, as a cap that is let go springs back


class FakeSpacenav(Node):
    """The driver, and the device in a hand."""

    def __init__(self, **others: object) -> None:
        super().__init__('spacenav', **others)  # type: ignore[arg-type]
        self.zero_when_static = self.declare_parameter('zero_when_static', True).value
        self._joy = self.create_publisher(Joy, TOPIC, 10)
        self._plugged = True
        self._hand, self._reported = np.zeros(6), np.zeros(6)
        self._buttons: list[int] = []  # none is named before the first was pressed
        self._spring: list[float] = []
        self._published_at = 0.0
        self._rng = np.random.default_rng(0)
        self.create_subscription(Joy, input_topic(SPACENAV), self._on_input, LATCHED)
        self.create_timer(REPORT_PERIOD, self._poll, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_input(self, message: Joy) -> None:
        touched, pulled = message.header.frame_id == TOUCH, message.header.frame_id == PULLED
        if not touched:
            self.zero_when_static = message.header.frame_id != STUCK
            self._plugged = self.zero_when_static and not pulled
        if self._plugged:
            self.move(np.array(message.axes), list(message.buttons))
            self._spring = self._spring or ([TREMOR, 0.0] if touched and self.at_rest else [])

    def move(self, hand: np.ndarray, buttons: list[int]) -> None:
        """Deflect the cap and press buttons, or let go."""
        if np.any(self._hand) and not np.any(hand):
            self._spring = list(SPRING)
        if buttons != self._buttons:
            self._buttons = buttons
            self._publish()
        self._hand = hand if not self._spring else self._hand

    @property
    def at_rest(self) -> bool:
        """Whether the last report was of a cap at rest."""
        return not (self._spring or np.any(self._hand) or np.any(self._reported))

    def pull(self) -> None:
        """Pull the cable."""
        self._plugged = False

    def plug(self) -> None:
        """Connect it again, with nobody at it."""
        self._plugged, self._hand, self._spring = True, np.zeros(6), []

    def _poll(self) -> None:
        if self._plugged and self._spring:
            deflection = self._hand if np.any(self._hand) else np.ones(6)
            self._reported = deflection * self._spring.pop(0)
            self._hand = self._hand if self._spring else np.zeros(6)
            self._publish()
        elif self._plugged and np.any(self._hand):
            self._reported = self._hand + self._rng.normal(0, TREMOR, 6) * (self._hand != 0)
            self._publish()
        elif steady_time() - self._published_at >= STATIC_PERIOD:
            if self.zero_when_static:
                self._reported = np.zeros(6)
            self._publish()

    def _publish(self) -> None:
        message = Joy(axes=self._reported.tolist(), buttons=self._buttons)
        message.header.stamp = self.get_clock().now().to_msg()
        self._joy.publish(message)
        self._published_at = steady_time()


if __name__ == '__main__':
    sys.exit(run_node(FakeSpacenav))
