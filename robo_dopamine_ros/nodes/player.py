"""Plays a recorded episode as the cameras of a cell, at its true rate.

Like real cameras it shows pictures all the time: the first frame until the reward node reads the
running episode, so that none is missed, and the last frame when all were played.
"""

import sys
from dataclasses import dataclass

from rclpy.node import Node
from std_msgs.msg import Header

from robo_dopamine_ros.data.episodes import EpisodeError, open_recording
from robo_dopamine_ros.data.playhead import Playhead
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import image_to_msg, to_time
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.run import FAULT, run
from robo_dopamine_ros.types import SECOND, Phase


@dataclass(frozen=True)
class PlayerParameters:
    """What is played, and how fast."""

    episode: str = ''  # folder of the episode
    speed: float = 1.0  # 1: as recorded, 2: twice as fast; above 0, at most 100

    def __post_init__(self) -> None:
        if not self.episode:
            raise ValueError('episode is empty; it must name the folder of a recorded episode')
        if not 0 < self.speed <= 100:
            raise ValueError(f'speed = {self.speed}; it must be above 0 and at most 100')


class Player(Node):
    """Three camera publishers and a timer."""

    def __init__(self) -> None:
        super().__init__('player')
        parameters = declare(self, PlayerParameters)
        try:
            recording = open_recording(parameters.episode)
        except EpisodeError as error:
            raise ParameterError(f'episode: {error}') from error
        self._playhead = Playhead(recording, parameters.speed)
        self._began: int | None = None  # [ns] of ROS time
        self._running = ''  # id of the episode that runs
        self._told_end = False
        self._cameras = {}
        for view in recording.views:
            topic = topics.camera_topic(view)
            self._cameras[view] = self.create_publisher(topic.type, topic.name, topic.qos)
        played = topics.PLAYED
        self._played = self.create_publisher(played.type, played.name, played.qos)
        for topic, note in (
            (topics.EPISODE, self._note_episode),
            (topics.PROGRESS, self._note_reading),
        ):
            self.create_subscription(topic.type, topic.name, note, topic.qos)
        self.create_timer(self._playhead.period, self._tick)

    def _note_episode(self, message: topics.Episode) -> None:
        self._running = message.id if message.phase == Phase.RUNNING else ''

    def _note_reading(self, message: topics.Progress) -> None:
        if self._began is None and self._running and message.episode == self._running:
            self._began = self._now()

    def _tick(self) -> None:
        now = self._now()
        if self._began is None:
            self._show(now)
            return
        try:
            self._play(now)
        except EpisodeError as error:
            self.get_logger().fatal(str(error))
            raise SystemExit(FAULT) from error

    def _play(self, now: int) -> None:
        index = self._playhead.due((now - (self._began or now)) / SECOND)
        if index is None:
            return
        self._show(now)
        if not self._told_end:
            self._played.publish(Header(stamp=to_time(now), frame_id=str(index)))
            self._told_end = self._playhead.finished
            self._playhead.advance()

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    def _show(self, stamp: int) -> None:
        for view, image in self._playhead.views.images.items():
            self._cameras[view].publish(image_to_msg(image, stamp, view))


def main() -> int:
    """Run the node."""
    return run(Player)


if __name__ == '__main__':
    sys.exit(main())
