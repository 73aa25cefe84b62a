"""A vendor's program as a test needs it: notes its words, then shows pictures or waits for its end.

Started as `stand_in.py NOTE TOPIC WORDS...`; words follow as launch gives them. NOTE is the file to
which a line of JSON is added, TOPIC that of pictures, or `-`.
"""

import json
import sys
from pathlib import Path

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.ros.spin import run_node

GREY = np.full((48, 64, 3), 128, np.uint8)


class StandIn(Node):
    """Takes any parameter."""

    def __init__(self, note: Path, topic: str) -> None:
        super().__init__(
            'stand_in',
            allow_undeclared_parameters=True,
            automatically_declare_parameters_from_overrides=True,
        )
        told = {
            'node': self.get_fully_qualified_name(),
            'words': [word for word in sys.argv[3:] if not Path(word).name.startswith('launch_')],
            'parameters': {key: p.value for key, p in self._parameter_overrides.items()},
        }
        with note.open('a') as file:
            file.write(json.dumps(told) + '\n')
        if topic != '-':
            self._pictures = self.create_publisher(Image, topic, 10)
            self.create_timer(1 / 30, self._show)

    def _show(self) -> None:
        self._pictures.publish(image_to_msg(GREY, self.get_clock().now().nanoseconds, 'camera'))


if __name__ == '__main__':
    sys.exit(run_node(lambda: StandIn(Path(sys.argv[1]), sys.argv[2])))
