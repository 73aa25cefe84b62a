"""Three 640x480 rgb8 image streams at 30 Hz, until interrupted."""

import itertools

import numpy as np
import rclpy

from robo_dopamine_ros.ros.convert import to_time
from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.types import VIEWS

WIDTH, HEIGHT, RATE = 640, 480, 30.0


def images(count: int = 15) -> list[np.ndarray]:
    """Smooth images with a moving wave."""
    x, y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    waves = (127 + 120 * np.sin(6 * (x + y + k / count)) for k in range(count))
    return [np.stack([255 * x, 255 * y, wave], axis=2).astype(np.uint8) for wave in waves]


def main() -> None:
    rclpy.init()
    node = rclpy.create_node('cameras')
    topics = [camera_topic(view) for view in VIEWS]
    publishers = [node.create_publisher(t.type, t.name, t.qos) for t in topics]
    messages = itertools.cycle([image_to_msg(image, 0) for image in images()])

    def publish() -> None:
        message = next(messages)
        message.header.stamp = to_time(node.get_clock().now().nanoseconds)
        for publisher in publishers:
            publisher.publish(message)

    node.create_timer(1.0 / RATE, publish)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
