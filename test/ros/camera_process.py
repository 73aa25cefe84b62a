"""A fake camera, started as `camera_process.py VIEW`; a line on stdin sets its fault.

Valid images are grey (128); those that must never be used are white.
"""

import array
import sys
import threading

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from robo_dopamine_ros.ros.convert import to_time
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.types import SECOND

HEIGHT, WIDTH, RATE = 48, 64, 30.0
GREY, WHITE = (np.full((HEIGHT, WIDTH, 3), value, np.uint8) for value in (128, 255))


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode('.jpg', picture)[1].tobytes()


class FaultyCamera:
    """Publishes raw and compressed images with the fault that is set."""

    def __init__(self, node: Node, view: str) -> None:
        self.fault = ''
        self._clock = node.get_clock()
        self._first = self._clock.now().nanoseconds
        self._count = 0
        self._raw, self._file = (
            node.create_publisher(topic.type, topic.name, 2)
            for topic in (camera_topic(view), camera_topic(view, 'compressed'))
        )
        node.create_timer(1.0 / RATE, self.publish)

    def publish(self) -> None:
        self._count += 1
        stamp = to_time(self._stamp())
        picture = (WHITE if self.fault else GREY).copy()
        picture[:8, :8] -= np.uint8(4 * (self._count % 2))  # a sensor never repeats a picture
        raw = Image(height=HEIGHT, width=WIDTH, step=3 * WIDTH, encoding='rgb8')
        raw.data = array.array('B', picture.tobytes())
        file = CompressedImage(format='jpeg', data=array.array('B', jpeg(picture)))
        if self.fault == 'encoding':
            raw.encoding = 'rgb9'
        elif self.fault == 'step':
            raw.step = WIDTH
        elif self.fault == 'size':
            raw.data = raw.data[: len(raw.data) // 2]
        elif self.fault == 'truncated':
            file.data = file.data[: len(file.data) // 2]
        raw.header.stamp = file.header.stamp = stamp
        self._raw.publish(raw)
        self._file.publish(file)

    def _stamp(self) -> int:
        now = self._clock.now().nanoseconds
        faulty = {
            'zero': 0,
            'backwards': self._first - self._count * SECOND,
            'future': now + 10 * SECOND,
        }
        return faulty.get(self.fault, now)


def main() -> None:
    rclpy.init()
    node = rclpy.create_node(f'camera_{sys.argv[1]}')
    camera = FaultyCamera(node, sys.argv[1])

    def listen() -> None:
        for line in sys.stdin:
            camera.fault = line.strip()

    threading.Thread(target=listen, daemon=True).start()
    rclpy.spin(node)


if __name__ == '__main__':
    main()
