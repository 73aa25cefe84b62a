"""The simulator as a node: emulates a CRISP controller and three cameras in real time."""

import sys
from dataclasses import dataclass, field

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.envs.realtime import RealtimeConfig, RealtimeSim
from robo_dopamine_ros.nodes.crisp_emulator import CrispEmulator
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import encode_driver_message, from_msg, to_msg
from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.sim.domain_randomization import InsertionStart
from robo_dopamine_ros.sim.rendering import SnapshotRenderer, WorldSnapshot, take_snapshot
from robo_dopamine_ros.sim.scene import Workpiece
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import VIEWS, Progress


@dataclass(frozen=True)
class SimParameters:
    """What is simulated, and the rates of its topics."""

    workpiece: Workpiece = field(default_factory=Workpiece)
    realtime: RealtimeConfig = field(default_factory=RealtimeConfig)
    width: int = 640  # of an image [px]
    height: int = 480  # of an image [px]
    camera_rate: float = 20.0  # sets of images per second [Hz]
    state_rate: float = 50.0  # of the arm's state [Hz]
    antialias: bool = False  # four samples per pixel, at three times the cost
    base_frame: str = 'base'  # frame of all poses
    tool_frame: str = 'fr3_hand_tcp'  # frame of the tool's twist

    def __post_init__(self) -> None:
        for name in ('camera_rate', 'state_rate'):
            if not 1 <= getattr(self, name) <= 250:
                raise ValueError(f'{name} = {getattr(self, name)} Hz; it must lie in 1..250 Hz')


class SimNode(Node):
    """Topics of a CRISP controller, three cameras, the service `~/reset`, and ground truth."""

    def __init__(self) -> None:
        super().__init__('sim')
        self._p = declare(self, SimParameters)
        self._sim = RealtimeSim(World(self._p.workpiece), self._p.realtime, steady_time())
        self._images = {view: self._publisher(topics.camera_topic(view)) for view in VIEWS}
        frames, set_gripper = (self._p.base_frame, self._p.tool_frame), self._sim.world.set_gripper
        self._arm = CrispEmulator(self, frames, self._sim.on_command, set_gripper)
        self._ground_truth = self._publisher(topics.SIM_GROUND_TRUTH)
        self._board = self._publisher(topics.SIM_BOARD)
        self._start: InsertionStart | None = None  # whose board was published last
        self._grade = self.create_publisher(String, '~/grade', topics.LATCHED)
        self._published_grade = ''
        episode = topics.EPISODE
        self.create_subscription(episode.type, episode.name, self._on_episode, episode.qos)
        self.create_service(Trigger, '~/reset', self._on_reset)
        size = (self._p.width, self._p.height)
        self._renderer = SnapshotRenderer(self._sim.world.model, size, self._p.antialias)
        self._worker: Worker[WorldSnapshot] = Worker(self._publish_images, self._on_error)
        create_steady_timer(self, 1 / self._p.state_rate, self._publish_state)
        create_steady_timer(self, 1 / self._p.camera_rate, self._publish_scene)

    def _publisher(self, topic: Topic):
        return self.create_publisher(topic.type, topic.name, topic.qos)

    def _on_episode(self, message: topics.Episode) -> None:
        self._sim.on_episode(from_msg(message))

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._sim.reset()
        response.success = True
        return response

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    def _publish_state(self) -> None:
        self._sim.update(steady_time())
        self._arm.publish_state(self._sim.state(self._now()))

    def _publish_scene(self) -> None:
        self._sim.update(steady_time())
        world, stamp = self._sim.world, self._now()
        self._worker.offer(take_snapshot(world.data, stamp))
        truth = Progress(stamp, progress=world.progress, confidence=1.0, valid=True, model='truth')
        self._ground_truth.publish(to_msg(truth))
        if world.start is not self._start:
            self._start = world.start
            board = encode_driver_message(
                PoseStamped, self._sim.hole_pose, stamp, self._p.base_frame
            )
            self._board.publish(board)
        if world.grade != self._published_grade:
            self._published_grade = world.grade
            self._grade.publish(String(data=world.grade))

    def _publish_images(self, snapshot: WorldSnapshot) -> None:
        for view, image in self._renderer.render(snapshot).items():
            self._images[view].publish(image_to_msg(image, snapshot.stamp, view))

    def _on_error(self, error: Exception) -> None:
        if self.context.ok():  # not at shutdown, when publishers are gone
            self.get_logger().error(f'no images: {error}', throttle_duration_sec=1.0)

    def close(self) -> None:
        """Free the OpenGL context in the thread that made it."""
        self._worker.call(self._renderer.close)
        self._worker.close()


def main() -> int:
    """Run the node."""
    return run_node(SimNode)


if __name__ == '__main__':
    sys.exit(main())
