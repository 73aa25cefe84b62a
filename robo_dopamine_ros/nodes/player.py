"""Node `player`: publishes a recorded episode on the camera topics, at its recorded rate.

Like cameras it publishes all the time: the first frame until the reward node reads the running
episode, so that it misses none, and the last frame at the end.
"""

import sys
from dataclasses import dataclass

from rclpy.node import Node
from std_msgs.msg import Header

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.data.episode_folder import EpisodeError, open_recording
from robo_dopamine_ros.data.playback import Playback
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import to_time
from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.spin import EXIT_CONFIGURATION, run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.types import Phase


@dataclass(frozen=True)
class PlayerParameters:
    """Parameters of the node."""

    episode: str = ''  # folder of the episode
    speed: float = 1.0  # ratio to the recorded rate, above 0, at most 100

    def __post_init__(self) -> None:
        if not self.episode:
            raise ValueError('episode is empty; it must name the folder of a recorded episode')
        if not 0 < self.speed <= 100:
            raise ValueError(f'speed = {self.speed}; it must be above 0 and at most 100')


class Player(Node):
    """Publishers of the cameras and a timer at the rate of the recording."""

    def __init__(self) -> None:
        super().__init__('player')
        parameters = declare(self, PlayerParameters)
        try:
            recording = open_recording(parameters.episode)
        except EpisodeError as error:
            raise ParameterError(f'episode: {error}') from error
        self._playback = Playback(recording, parameters.speed)
        self._started: float | None = None  # steady time of the first frame [s]
        self._episode = ''  # id of the running episode
        self._finished = False
        self._cameras = {}
        for view in recording.views:
            topic = topics.camera_topic(view)
            self._cameras[view] = self.create_publisher(topic.type, topic.name, topic.qos)
        frame = topics.PLAYER_FRAME
        self._frame_publisher = self.create_publisher(frame.type, frame.name, frame.qos)
        for topic, on_message in (
            (topics.EPISODE, self._on_episode),
            (topics.PROGRESS, self._on_progress),
        ):
            self.create_subscription(topic.type, topic.name, on_message, topic.qos)
        create_steady_timer(self, self._playback.period, self._tick)

    def _on_episode(self, message: topics.Episode) -> None:
        self._episode = message.id if message.phase == Phase.RUNNING else ''

    def _on_progress(self, message: topics.Progress) -> None:
        if self._started is None and self._episode and message.episode == self._episode:
            self._started = steady_time()

    def _tick(self) -> None:
        now = self._now()
        if self._started is None:
            self._publish_images(now)
            return
        try:
            self._play(steady_time() - self._started, now)
        except EpisodeError as error:
            self.get_logger().fatal(str(error))
            raise SystemExit(EXIT_CONFIGURATION) from error

    def _play(self, elapsed: float, now: int) -> None:
        index = self._playback.due(elapsed)
        if index is None:
            return
        self._publish_images(now)
        if not self._finished:
            self._frame_publisher.publish(Header(stamp=to_time(now), frame_id=str(index)))
            self._finished = self._playback.finished
            self._playback.decode_next()

    def _publish_images(self, stamp: int) -> None:
        for view, image in self._playback.views.images.items():
            self._cameras[view].publish(image_to_msg(image, stamp, view))

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds


def main() -> int:
    """Run the node as a process."""
    return run_node(Player)


if __name__ == '__main__':
    sys.exit(main())
