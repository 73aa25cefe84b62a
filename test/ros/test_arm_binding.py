"""An arm bound to a node, against a driver's side of the topics over real DDS."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from robo_dopamine.action import AdaptReward
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import SetBool, Trigger

from robo_dopamine_ros.arms.arm import Call, Channel, Out, Script, Told
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.driver import Driver
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.types import SECOND, ArmState, Pose

PATIENCE = 20.0  # [s]
POSE = Pose(np.array([0.1, 0.2, 0.3]), np.array([0.0, 0.0, 0.0, 1.0]))
ADAPT = 'robo_dopamine/action/AdaptReward'  # stands in for the actions of drivers


class Puppet:
    """An arm that keeps what it hears, and tells what the test wants."""

    name = 'told'

    def __init__(self, hears: Sequence[Channel] = (), tells: Sequence[Channel] = ()) -> None:
        self.hears, self.tells = hears, tells
        self.heard: list[tuple[str, Any, int]] = []
        self.outs: list[Out] = []

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        if isinstance(value, str) and value == 'nonsense':
            raise ValueError('nonsense')
        self.heard.append((channel, value, stamp))

    def state(self, now: float) -> ArmState | str:
        return 'nothing heard yet'

    def tell(self, target: Pose, gripper: float, now: float) -> Told:
        return Told(self.outs, target)

    def start(self) -> Script:
        return ''
        yield

    def recover(self) -> Script:
        return ''
        yield


class Cell:
    """The node of the test, that of its arm's driver, and what spins both."""

    def __init__(self, bench: Any) -> None:
        self.node, self.executor, self.context = bench.node, bench.executor, bench.context
        self.theirs = self.another('their_driver')

    def another(self, name: str) -> Node:
        node = rclpy.create_node(name, context=self.context)
        self.executor.add_node(node)
        return node

    def until(self, condition: Callable[[], object], each: Callable[[], object] = int) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, 'not in time'
            each()
            self.executor.spin_once(timeout_sec=0.02)

    def perform(self, driver: Driver, script: Script) -> tuple[str, list[str]]:
        task = self.executor.create_task(driver.perform(script))
        self.until(task.done)
        return task.result()


@pytest.fixture
def cell(bench: Any) -> Iterator[Cell]:
    cell = Cell(bench)
    yield cell
    cell.theirs.destroy_node()


def calls(*steps: Call | float) -> tuple[Script, list[Any]]:
    """A script of these steps, and where its replies go."""
    replies: list[Any] = []

    def script() -> Script:
        for step in steps:
            replies.append((yield step))
        return 'all was said'

    return script(), replies


def test_it_hears_best_effort_and_latched_topics_of_a_namespace(cell: Cell) -> None:
    pose = Channel('pose', 'geometry_msgs/msg/PoseStamped', reliable=False)
    text = Channel('description', 'std_msgs/msg/String', kept=True)
    latched = cell.theirs.create_publisher(String, '/left/description', topics.LATCHED)
    latched.publish(String(data='<robot/>'))
    fast = cell.theirs.create_publisher(PoseStamped, '/left/pose', topics.newest(1))
    arm = Puppet([pose, text])
    driver = Driver(cell.node, arm, 'left')
    message = PoseStamped()
    message.header.stamp.sec, message.pose.position.x = 7, 0.5
    cell.until(
        lambda: {name for name, *_ in arm.heard} == {'pose', 'description'},
        lambda: fast.publish(message),
    )
    heard = {name: (value, stamp) for name, value, stamp in arm.heard}
    assert heard['description'][0] == '<robot/>'
    assert abs(heard['description'][1] - time.time_ns()) < 60 * SECOND, 'stamped as it arrived'
    assert heard['pose'][0].position[0] == 0.5
    assert heard['pose'][1] == 7 * SECOND
    assert not driver.notes


def test_it_publishes_stamped_as_the_message_leaves(cell: Cell) -> None:
    arm = Puppet(tells=[Channel('target_pose', 'geometry_msgs/msg/PoseStamped', exclusive=True)])
    driver = Driver(cell.node, arm)
    arm.outs = [Out('target_pose', POSE, 'base')]
    heard: list[PoseStamped] = []
    cell.theirs.create_subscription(PoseStamped, 'target_pose', heard.append, 1)
    before = time.time_ns()
    cell.until(lambda: heard, lambda: driver.tell(POSE, 1.0, 0.0))
    assert heard[0].header.frame_id == 'base'
    assert heard[0].pose.position.z == 0.3
    assert before // SECOND <= heard[0].header.stamp.sec <= time.time_ns() // SECOND


def test_rivals_are_named(cell: Cell) -> None:
    arm = Puppet(
        tells=[
            Channel('target_pose', 'geometry_msgs/msg/PoseStamped', exclusive=True),
            Channel('gripper', 'std_msgs/msg/Float64MultiArray'),
        ]
    )
    driver = Driver(cell.node, arm)
    cell.theirs.create_publisher(Float64MultiArray, 'gripper', 1)
    assert driver.rivals() == ''
    other = cell.theirs.create_publisher(PoseStamped, 'target_pose', 1)
    cell.until(driver.rivals)
    assert driver.rivals() == (
        '2 publishers on /target_pose, there must be one: /bench, /their_driver'
    )
    cell.theirs.destroy_publisher(other)
    cell.until(lambda: not driver.rivals())


def test_messages_of_another_frame_and_nonsense_are_refused_by_name(cell: Cell) -> None:
    arm = Puppet(
        [
            Channel('pose', 'geometry_msgs/msg/PoseStamped', frame='base'),
            Channel('word', 'std_msgs/msg/String'),
        ]
    )
    driver = Driver(cell.node, arm)
    pose = cell.theirs.create_publisher(PoseStamped, 'pose', 1)
    word = cell.theirs.create_publisher(String, 'word', 1)
    message = PoseStamped()
    message.header.frame_id = 'world'
    cell.until(lambda: 'pose' in driver.notes, lambda: pose.publish(message))
    cell.until(lambda: 'word' in driver.notes, lambda: word.publish(String(data='nonsense')))
    assert driver.state(0.0) == (
        "nothing heard yet; pose is refused: its frame is 'world', not 'base'; "
        'word is refused: nonsense'
    )
    assert not arm.heard
    message.header.frame_id = 'base'
    cell.until(lambda: 'pose' not in driver.notes, lambda: pose.publish(message))


def test_messages_that_are_not_installed(cell: Cell) -> None:
    with pytest.raises(ParameterError, match='arm told: .* needs absent_msgs: apt install ros-'):
        Driver(cell.node, Puppet([Channel('status', 'absent_msgs/msg/Status')]))
    arm = Puppet(tells=[Channel('extra', 'absent_msgs/msg/Extra', optional=True)])
    driver = Driver(cell.node, arm)
    assert 'left out: absent_msgs/msg/Extra needs absent_msgs' in driver.notes['extra']
    arm.outs = [Out('extra', {})]
    driver.tell(POSE, 1.0, 0.0)


def test_a_script_calls_one_after_another(cell: Cell) -> None:
    asked: list[Any] = []

    def answer(request: Any, response: Any) -> Any:
        asked.append(request)
        response.success = True
        return response

    cell.theirs.create_service(SetBool, '/left/pause', answer)
    cell.theirs.create_service(Trigger, '/elsewhere/begin', answer)
    driver = Driver(cell.node, Puppet(), 'left')
    script, replies = calls(
        Call('pause', 'std_srvs/srv/SetBool', {'data': True}, title='pause it'),
        0.05,
        Call('/elsewhere/begin', 'std_srvs/srv/Trigger'),
    )
    assert cell.perform(driver, script) == (
        'all was said',
        ['pause it: done', '/elsewhere/begin: done'],
    )
    assert [type(request).__name__ for request in asked] == ['SetBool_Request', 'Trigger_Request']
    assert asked[0].data is True
    assert replies[0].success


def test_a_script_is_told_why_no_answer_came(cell: Cell) -> None:
    def sleep(request: Any, response: Any) -> Any:
        raise AssertionError('spun by nobody')

    silent = cell.another('silent')
    silent.create_service(Trigger, 'asleep', sleep)
    driver = Driver(cell.node, Puppet())
    cell.until(lambda: cell.node.count_services('/asleep'))
    cell.executor.remove_node(silent)
    names = ('absent', 'asleep', 'foreign')
    script, replies = calls(
        Call('absent', 'std_srvs/srv/Trigger', timeout=0.2),
        Call('asleep', 'std_srvs/srv/Trigger', timeout=0.5),
        Call('foreign', 'absent_msgs/srv/Thing'),
    )
    _, steps = cell.perform(driver, script)
    assert replies[0] == 'absent is not offered, after 0.2 s'
    assert replies[1] == 'asleep did not answer within 0.5 s'
    assert 'absent_msgs/srv/Thing needs absent_msgs: apt install ros-' in replies[2]
    assert steps == [f'{name}: {reply}' for name, reply in zip(names, replies, strict=True)]
    silent.destroy_node()


def test_the_node_lives_on_while_a_service_of_it_performs(cell: Cell) -> None:
    driver = Driver(cell.node, Puppet())
    ticks: list[int] = []

    async def recover(request: Any, response: Any) -> Any:
        before = len(ticks)
        script, _ = calls(Call('absent', 'std_srvs/srv/Trigger', timeout=0.5))
        response.message, _ = await driver.perform(script)
        response.success = len(ticks) > before + 5
        return response

    cell.node.create_timer(0.01, lambda: ticks.append(1))
    cell.node.create_service(Trigger, 'recover', recover, callback_group=driver.group)
    client = cell.theirs.create_client(Trigger, 'recover')
    cell.until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    cell.until(lambda: len(ticks) > 5)
    assert cell.perform(driver, calls()[0]) == (
        'the arm is still being started or recovered',
        [],
    )
    cell.until(answer.done)
    assert answer.result().success
    assert answer.result().message == 'all was said'


class Hand:
    """An action server of the driver: goals take as long as the test wants."""

    def __init__(self, node: Node) -> None:
        self.goals: list[str] = []  # every goal that began
        self.cancelled: list[str] = []
        self.accepts = True
        self.slow = False
        self._node, self._group = node, ReentrantCallbackGroup()
        self._server = ActionServer(
            node,
            AdaptReward,
            'hand',
            self._run,
            goal_callback=lambda _: GoalResponse.ACCEPT if self.accepts else GoalResponse.REJECT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=self._group,
        )

    async def _run(self, goal: Any) -> Any:
        name = goal.request.demonstration
        self.goals.append(name)
        while self.slow and not goal.is_cancel_requested:
            await self._wait()
        if goal.is_cancel_requested:
            self.cancelled.append(name)
            goal.canceled()
        elif name == 'impossible':
            goal.abort()
        else:
            goal.succeed()
        return AdaptReward.Result(reason=name)

    async def _wait(self) -> None:
        bell = Future()
        timer = self._node.create_timer(0.01, lambda: bell.done() or bell.set_result(None))
        await bell
        self._node.destroy_timer(timer)


def test_a_script_pursues_actions(cell: Cell) -> None:
    hand, driver = Hand(cell.theirs), Driver(cell.node, Puppet())

    def goal(name: str, timeout: float = 10.0) -> Any:
        script, replies = calls(Call('hand', ADAPT, {'demonstration': name}, timeout))
        cell.perform(driver, script)
        return replies[0]

    assert goal('open').reason == 'open'
    assert goal('impossible') == 'failed'
    hand.accepts = False
    assert goal('close') == 'refused'
    hand.accepts, hand.slow = True, True
    assert goal('slow', 0.5) == 'hand did not answer within 0.5 s'
    cell.until(lambda: hand.cancelled == ['slow'])


def test_goals_do_not_pile_up_and_the_newest_wins(cell: Cell) -> None:
    arm = Puppet(tells=[Channel('hand', ADAPT)])
    driver = Driver(cell.node, arm)

    def tick() -> None:
        driver.tell(POSE, 1.0, 0.0)
        arm.outs = []

    arm.outs = [Out('hand', {'demonstration': 'early'})]
    tick()
    assert driver.notes == {'hand': 'hand is not offered'}
    hand = Hand(cell.theirs)
    hand.slow = True
    cell.until(lambda: hand.goals == ['early'], tick)
    assert not driver.notes
    for name in ('never', 'newest'):
        arm.outs = [Out('hand', {'demonstration': name})]
        tick()
    cell.until(lambda: hand.cancelled == ['early'], tick)
    cell.until(lambda: hand.goals == ['early', 'newest'], tick)
    hand.slow = False
    arm.outs = [Out('hand', {'demonstration': 'impossible'})]
    cell.until(lambda: driver.notes == {'hand': 'hand failed'}, tick)
    hand.accepts = False
    arm.outs = [Out('hand', {'demonstration': 'more'})]
    cell.until(lambda: driver.notes == {'hand': 'hand refused the goal'}, tick)
