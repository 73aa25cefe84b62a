"""The simulator as a node: stands in for a CRISP driver and its cameras, in real time."""

import sys
import time
from dataclasses import dataclass, field

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from robo_dopamine_ros.nodes.crisp_side import CrispSide
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import episode_from_msg, image_to_msg, progress_to_msg
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.ros.values import to_message
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.sim import snapshot
from robo_dopamine_ros.sim.driver import Conduct, Driver
from robo_dopamine_ros.sim.scene import Workpiece
from robo_dopamine_ros.sim.variation import Start
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import VIEWS, Progress


@dataclass(frozen=True)
class SimParameters:
    """What is simulated, and how often it is told."""

    piece: Workpiece = field(default_factory=Workpiece)
    conduct: Conduct = field(default_factory=Conduct)
    width: int = 640  # of a picture [px]
    height: int = 480  # of a picture [px]
    camera_rate: float = 20.0  # sets of pictures a second [Hz]
    state_rate: float = 50.0  # reports of the arm a second [Hz]
    smooth: bool = False  # four samples a pixel: prettier, three times the work
    base_frame: str = 'base'  # frame of all poses
    tool_frame: str = 'fr3_hand_tcp'  # frame of the tool's twist

    def __post_init__(self) -> None:
        for name in ('camera_rate', 'state_rate'):
            if not 1 <= getattr(self, name) <= 250:
                raise ValueError(f'{name} = {getattr(self, name)} Hz; it must lie in 1..250 Hz')


class Sim(Node):
    """A driver's topics, three cameras, a reset, and the truth for those who measure."""

    def __init__(self) -> None:
        super().__init__('sim')
        self._p = declare(self, SimParameters)
        self._driver = Driver(World(self._p.piece), self._p.conduct, time.monotonic())
        self._outs = {view: self._out(topics.camera_topic(view)) for view in VIEWS}
        frames, grip = (self._p.base_frame, self._p.tool_frame), self._driver.world.grip
        self._arm = CrispSide(self, frames, self._driver.command, grip)
        self._truth, self._board = self._out(topics.SIM_TRUTH), self._out(topics.SIM_BOARD)
        self._start: Start | None = None  # whose board was told
        self._grade = self.create_publisher(String, '~/grade', topics.LATCHED)
        self._told = ''
        episode = topics.EPISODE
        self.create_subscription(episode.type, episode.name, self._on_episode, episode.qos)
        self.create_service(Trigger, '~/reset', self._on_reset)
        size = (self._p.width, self._p.height)
        self._gallery = snapshot.Gallery(self._driver.world.model, size, self._p.smooth)
        self._worker: Worker[snapshot.Snapshot] = Worker(self._draw, self._failed)
        self.create_timer(1 / self._p.state_rate, self._report)
        self.create_timer(1 / self._p.camera_rate, self._look)

    def _out(self, topic: Topic):
        return self.create_publisher(topic.type, topic.name, topic.qos)

    def _on_episode(self, message: topics.Episode) -> None:
        self._driver.note(episode_from_msg(message))

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._driver.reset()
        response.success = True
        return response

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    def _report(self) -> None:
        self._driver.update(time.monotonic())
        self._arm.tell(self._driver.state(self._now()))

    def _look(self) -> None:
        self._driver.update(time.monotonic())
        world, stamp = self._driver.world, self._now()
        self._worker.offer(snapshot.take(world.data, stamp))
        truth = Progress(stamp, progress=world.progress, confidence=1.0, valid=True, model='truth')
        self._truth.publish(progress_to_msg(truth))
        if world.start is not self._start:
            self._start = world.start
            board = to_message(PoseStamped, self._driver.board, stamp, self._p.base_frame)
            self._board.publish(board)
        if world.grade != self._told:
            self._told = world.grade
            self._grade.publish(String(data=self._told))

    def _draw(self, moment: snapshot.Snapshot) -> None:
        for view, picture in self._gallery.draw(moment).items():
            self._outs[view].publish(image_to_msg(picture, moment.stamp, view))

    def _failed(self, error: Exception) -> None:
        if self.context.ok():  # the last picture may come when publishers are gone
            self.get_logger().error(f'no pictures: {error}', throttle_duration_sec=1.0)

    def close(self) -> None:
        """Free the cameras in the thread that made them."""
        self._worker.call(self._gallery.close)
        self._worker.close()


def main() -> int:
    """Run the node."""
    return run(Sim)


if __name__ == '__main__':
    sys.exit(main())
