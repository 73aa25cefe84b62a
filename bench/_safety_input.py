"""A safety device of the bench: `_safety_input.py enable` or `zone`.

It publishes the newest state of its topic `NAME_input`, a number, at 20 Hz and at once when it
changes. Before the first one nobody holds the enabling switch, and the zone is clear.
"""

import sys
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from std_msgs.msg import UInt8

from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import ENABLE, LATCHED, SAFETY_ZONE, Topic

PERIOD = 0.05  # [s]
DEVICE = 'scanner'  # name of the zone's
DEVICES: dict[str, tuple[Topic, Callable[[int], Any]]] = {
    'enable': (ENABLE, lambda state: ENABLE.type(data=bool(state))),
    'zone': (SAFETY_ZONE, lambda state: SAFETY_ZONE.type(state=state, source=DEVICE)),
}


def input_topic(name: str) -> str:
    """Return the topic on which the bench gives a device its state."""
    return f'{name}_input'


class SafetyInput(Node):
    """Repeats the newest state."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        topic, self._encode = DEVICES[name]
        self._state = 0
        self._publisher = self.create_publisher(topic.type, topic.name, topic.qos)
        self.create_subscription(UInt8, input_topic(name), self._on_input, LATCHED)
        self.create_timer(PERIOD, self._publish)

    def _on_input(self, message: UInt8) -> None:
        self._state = message.data
        self._publish()

    def _publish(self) -> None:
        self._publisher.publish(self._encode(self._state))


if __name__ == '__main__':
    sys.exit(run_node(lambda: SafetyInput(sys.argv[1])))
