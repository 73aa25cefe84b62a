"""The sim node over DDS, as controller and as cameras."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from robo_dopamine_ros.arms import crisp, grippers
from robo_dopamine_ros.cli.dds_domain import free_domain
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
from robo_dopamine_ros.ros.convert import from_time, to_msg  # noqa: E402
from robo_dopamine_ros.ros.interfaces import get_interface  # noqa: E402
from robo_dopamine_ros.ros.shutdown import destroy_when_quiet  # noqa: E402

SMALL = {'width': 64, 'height': 48, 'camera_rate': 10.0}
TIMEOUT = 30.0  # [s]


class SimProcess:
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
        self.received: dict[str, Any] = {}
        for channel in (
            crisp.CURRENT_POSE,
            crisp.JOINT_STATES,
            crisp.EXTERNAL_WRENCH,
            grippers.STATE_CHANNEL,
        ):
            self.subscribe(channel.name, get_interface(channel.type), topics.sensor_data(1))

    def subscribe(self, name: str, kind: type, qos: Any) -> None:
        self.node.create_subscription(kind, name, lambda m: self.received.update({name: m}), qos)

    def until(self, condition: Callable[[], object], each: Callable[[], object] = int) -> None:
        """Spin until the condition holds, doing `each` on the way."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert self.process.poll() is None, 'the node died'
            assert time.monotonic() < deadline, f'not in time; received {list(self.received)}'
            each()
            self.executor.spin_once(timeout_sec=0.02)

    def position(self) -> np.ndarray:
        position = self.received['current_pose'].pose.position
        return np.array([position.x, position.y, position.z])

    def stamp(self) -> int:
        return from_time(self.received['current_pose'].header.stamp)

    def close(self) -> None:
        self.process.send_signal(2)
        try:
            assert self.process.wait(TIMEOUT) == 0
        finally:
            self.process.kill()  # a hung node would hold its name in later tests
            self.executor.shutdown()
            destroy_when_quiet(self.node)
            self.context.try_shutdown()


@pytest.fixture
def sim() -> Iterator[SimProcess]:
    sim = SimProcess()
    yield sim
    sim.close()


def test_a_target_moves_the_arm_until_a_second_publisher_silences_it(sim: SimProcess) -> None:
    sim.until(lambda: len(sim.received) == 4)
    assert sim.received['joint_states'].name[0] == 'fr3_joint1'
    first = sim.node.create_publisher(PoseStamped, crisp.TARGET_POSE.name, 1)
    target = sim.received['current_pose']
    assert target.header.frame_id == 'base'
    target.pose.position.z -= 0.05
    goal = sim.position()
    goal[2] = target.pose.position.z
    sim.until(lambda: abs(sim.position() - goal).max() < 0.002, lambda: first.publish(target))

    second = sim.node.create_publisher(PoseStamped, crisp.TARGET_POSE.name, 1)
    position, since = sim.position(), sim.stamp()  # of the arm, and since when

    def command_both() -> None:
        target.pose.position.z = position[2] + 0.05
        first.publish(target)
        second.publish(target)

    def stays() -> bool:
        nonlocal position, since
        if abs(sim.position() - position).max() > 0.001:
            position, since = sim.position(), sim.stamp()
        return sim.stamp() - since > SECOND

    sim.until(stays, command_both)


def test_images_ground_truth_and_reset(sim: SimProcess) -> None:
    for view in VIEWS:
        topic = topics.camera_topic(view)
        sim.subscribe(topic.name, topic.type, topic.qos)
    sim.subscribe('sim/ground_truth', topics.Progress, topics.reliable(10))
    sim.subscribe('sim/grade', String, topics.LATCHED)
    sim.subscribe('sim/board', PoseStamped, topics.LATCHED)
    sim.until(lambda: len(sim.received) == 10)
    images = [sim.received[topics.camera_topic(view).name] for view in VIEWS]
    assert {(p.width, p.height, p.encoding) for p in images} == {(64, 48, 'rgb8')}
    assert all(np.frombuffer(p.data, np.uint8).std() > 10 for p in images)
    assert sim.received['sim/ground_truth'].progress < 0.1
    assert sim.received['sim/grade'].data == 'failure'

    before, client = sim.position(), sim.node.create_client(Trigger, 'sim/reset')
    sim.until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    sim.until(answer.done)
    sim.until(lambda: abs(sim.position() - before).max() > 0.001)


def test_the_scripted_operator_drives_when_an_episode_runs() -> None:
    sim = SimProcess(**{'realtime.operator': 'scripted', 'realtime.style': 'demonstration'})
    try:
        sim.subscribe('sim/grade', String, topics.LATCHED)
        sim.until(lambda: 'sim/grade' in sim.received and 'current_pose' in sim.received)
        before = sim.position()
        publisher = sim.node.create_publisher(
            topics.EPISODE.type, topics.EPISODE.name, topics.EPISODE.qos
        )
        publisher.publish(to_msg(Episode(stamp=0, id='one', phase=Phase.RUNNING)))
        sim.until(lambda: sim.received['sim/grade'].data == 'success')
        assert abs(sim.position() - before).max() > 0.05
    finally:
        sim.close()
