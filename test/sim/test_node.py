"""The sim node over DDS, as a driver and as cameras."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from robo_dopamine_ros.arms import crisp, grippers
from robo_dopamine_ros.cli.domain import free_domain
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import SECOND, VIEWS, Episode, Phase

os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
environment.activate()

import rclpy  # noqa: E402 (needs the environment)
from geometry_msgs.msg import PoseStamped  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from robo_dopamine_ros.ros import topics  # noqa: E402
from robo_dopamine_ros.ros.convert import episode_to_msg, from_time  # noqa: E402
from robo_dopamine_ros.ros.interfaces import interface  # noqa: E402

SMALL = {'width': 64, 'height': 48, 'camera_rate': 10.0}
PATIENCE = 30.0  # [s]


class Cell:
    """A sim process and a node that talks to it."""

    def __init__(self, **parameters: object) -> None:
        number = str(free_domain())
        arguments = [w for k, v in (SMALL | parameters).items() for w in ('-p', f'{k}:={v}')]
        command = [sys.executable, '-m', 'robo_dopamine_ros.nodes.sim', '--ros-args', *arguments]
        env = environment.process_environment() | {'ROS_DOMAIN_ID': number}
        self.process = subprocess.Popen(command, env=env)
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=int(number))
        self.node = rclpy.create_node('bench', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.heard: dict[str, Any] = {}
        for channel in (crisp.POSE, crisp.JOINTS, crisp.WRENCH, grippers.STATE):
            self.listen(channel.name, interface(channel.type), topics.newest(1))

    def listen(self, name: str, kind: type, qos: Any) -> None:
        self.node.create_subscription(kind, name, lambda m: self.heard.update({name: m}), qos)

    def until(self, condition: Callable[[], object], each: Callable[[], object] = int) -> None:
        """Spin until the condition holds, doing `each` on the way."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, 'the node died'
            assert time.monotonic() < deadline, f'not in time; heard {list(self.heard)}'
            each()
            self.executor.spin_once(timeout_sec=0.02)

    def place(self) -> np.ndarray:
        position = self.heard['current_pose'].pose.position
        return np.array([position.x, position.y, position.z])

    def stamp(self) -> int:
        return from_time(self.heard['current_pose'].header.stamp)

    def close(self) -> None:
        self.process.send_signal(2)
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()
        assert self.process.wait(PATIENCE) == 0


@pytest.fixture
def cell() -> Iterator[Cell]:
    cell = Cell()
    yield cell
    cell.close()


def test_a_target_moves_the_arm_until_a_second_publisher_silences_it(cell: Cell) -> None:
    cell.until(lambda: len(cell.heard) == 4)
    assert cell.heard['joint_states'].name[0] == 'fr3_joint1'
    first = cell.node.create_publisher(PoseStamped, crisp.TARGET.name, 1)
    wish = cell.heard['current_pose']
    assert wish.header.frame_id == 'base'
    wish.pose.position.z -= 0.05
    goal = cell.place()
    goal[2] = wish.pose.position.z
    cell.until(lambda: abs(cell.place() - goal).max() < 0.002, lambda: first.publish(wish))

    second = cell.node.create_publisher(PoseStamped, crisp.TARGET.name, 1)
    place, since = cell.place(), cell.stamp()  # where the arm has been, and since when

    def both_want_away() -> None:
        wish.pose.position.z = place[2] + 0.05
        first.publish(wish)
        second.publish(wish)

    def stays() -> bool:
        nonlocal place, since
        if abs(cell.place() - place).max() > 0.001:
            place, since = cell.place(), cell.stamp()
        return cell.stamp() - since > SECOND

    cell.until(stays, both_want_away)


def test_pictures_truth_and_reset(cell: Cell) -> None:
    for view in VIEWS:
        topic = topics.camera_topic(view)
        cell.listen(topic.name, topic.type, topic.qos)
    cell.listen('sim/truth', topics.Progress, topics.reliable(10))
    cell.listen('sim/grade', String, topics.LATCHED)
    cell.listen('sim/board', PoseStamped, topics.LATCHED)
    cell.until(lambda: len(cell.heard) == 10)
    pictures = [cell.heard[topics.camera_topic(view).name] for view in VIEWS]
    assert {(p.width, p.height, p.encoding) for p in pictures} == {(64, 48, 'rgb8')}
    assert all(np.frombuffer(p.data, np.uint8).std() > 10 for p in pictures)
    assert cell.heard['sim/truth'].progress < 0.1
    assert cell.heard['sim/grade'].data == 'failure'

    before, client = cell.place(), cell.node.create_client(Trigger, 'sim/reset')
    cell.until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    cell.until(answer.done)
    cell.until(lambda: abs(cell.place() - before).max() > 0.001)


def test_the_scripted_operator_drives_when_an_episode_runs() -> None:
    cell = Cell(**{'conduct.operator': 'scripted', 'conduct.style': 'demonstration'})
    try:
        cell.listen('sim/grade', String, topics.LATCHED)
        cell.until(lambda: 'sim/grade' in cell.heard and 'current_pose' in cell.heard)
        before = cell.place()
        told = cell.node.create_publisher(
            topics.EPISODE.type, topics.EPISODE.name, topics.EPISODE.qos
        )
        told.publish(episode_to_msg(Episode(stamp=0, id='one', phase=Phase.RUNNING)))
        cell.until(lambda: cell.heard['sim/grade'].data == 'success')
        assert abs(cell.place() - before).max() > 0.05
    finally:
        cell.close()
