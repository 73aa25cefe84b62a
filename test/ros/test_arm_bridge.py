"""An arm connected to a node, with the topics of its driver over DDS."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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

from robo_dopamine_ros.arms.arm import Call, CallSequence, Channel, DriverCommand, OutgoingMessage
from robo_dopamine_ros.arms.grippers import Gripper, GripperConfig, GripperOwner
from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.arm_bridge import ArmBridge
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.types import SECOND, ArmState, Pose

PATIENCE = 20.0  # [s]
POSE = Pose(np.array([0.1, 0.2, 0.3]), np.array([0.0, 0.0, 0.0, 1.0]))
ADAPT = 'robo_dopamine/action/AdaptReward'  # stands in for the actions of drivers


class FakeArm:
    """An arm that keeps what it receives, and sends the messages that the test sets."""

    name = 'fake'

    def __init__(self, inputs: Sequence[Channel] = (), outputs: Sequence[Channel] = ()) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.received: list[tuple[str, Any, int]] = []
        self.ends: list[str] = []  # of goals
        self.told_problems: dict[str, str] = {}
        self.messages: list[OutgoingMessage] = []

    def on_message(self, channel: str, value: Any, stamp: int, now: float) -> None:
        if isinstance(value, str) and value == 'nonsense':
            raise ValueError('nonsense')
        self.received.append((channel, value, stamp))

    def state(self, now: float) -> ArmState | str:
        return 'nothing heard yet'

    def command(
        self, target: Pose, gripper: float, now: float, commanded: bool = True
    ) -> DriverCommand:
        return DriverCommand(self.messages, target)

    not_told = ''

    def arming_obstacle(self) -> str:
        return ''

    @property
    def problems(self) -> Mapping[str, str]:
        return self.told_problems

    def on_goal_end(self, channel: str, error: str, now: float) -> None:
        self.ends.append(error)

    def start(self) -> CallSequence:
        return ''
        yield

    def recover(self) -> CallSequence:
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

    def run(self, driver: ArmBridge, sequence: CallSequence) -> tuple[str, list[str]]:
        task = self.executor.create_task(driver.run_sequence(sequence))
        self.until(task.done)
        return task.result()


@pytest.fixture
def cell(bench: Any) -> Iterator[Cell]:
    cell = Cell(bench)
    yield cell
    cell.theirs.destroy_node()


def calls(*steps: Call | float) -> tuple[CallSequence, list[Any]]:
    """A sequence of these steps, and the list its replies go to."""
    replies: list[Any] = []

    def sequence() -> CallSequence:
        for step in steps:
            replies.append((yield step))
        return 'all was done'

    return sequence(), replies


def test_it_receives_best_effort_and_latched_topics_of_a_namespace(cell: Cell) -> None:
    pose = Channel('pose', 'geometry_msgs/msg/PoseStamped', reliable=False)
    text = Channel('description', 'std_msgs/msg/String', transient_local=True)
    latched = cell.theirs.create_publisher(String, '/left/description', topics.LATCHED)
    latched.publish(String(data='<robot/>'))
    fast = cell.theirs.create_publisher(PoseStamped, '/left/pose', topics.sensor_data(1))
    arm = FakeArm([pose, text])
    driver = ArmBridge(cell.node, arm, 'left')
    message = PoseStamped()
    message.header.stamp.sec, message.pose.position.x = 7, 0.5
    cell.until(
        lambda: {name for name, *_ in arm.received} == {'pose', 'description'},
        lambda: fast.publish(message),
    )
    received = {name: (value, stamp) for name, value, stamp in arm.received}
    assert received['description'][0] == '<robot/>'
    assert abs(received['description'][1] - time.time_ns()) < 60 * SECOND, 'stamped as it arrived'
    assert received['pose'][0].position[0] == 0.5
    assert received['pose'][1] == 7 * SECOND
    assert not driver.channel_errors


def test_it_publishes_stamped_as_the_message_leaves(cell: Cell) -> None:
    arm = FakeArm(outputs=[Channel('target_pose', 'geometry_msgs/msg/PoseStamped', exclusive=True)])
    driver = ArmBridge(cell.node, arm)
    arm.messages = [OutgoingMessage('target_pose', POSE, 'base')]
    received: list[PoseStamped] = []
    cell.theirs.create_subscription(PoseStamped, 'target_pose', received.append, 1)
    before = time.time_ns()
    cell.until(lambda: received, lambda: driver.command(POSE, 1.0, 0.0))
    assert received[0].header.frame_id == 'base'
    assert received[0].pose.position.z == 0.3
    assert before // SECOND <= received[0].header.stamp.sec <= time.time_ns() // SECOND


def test_other_publishers_are_named(cell: Cell) -> None:
    arm = FakeArm(
        outputs=[
            Channel('target_pose', 'geometry_msgs/msg/PoseStamped', exclusive=True),
            Channel('gripper', 'std_msgs/msg/Float64MultiArray'),
        ]
    )
    driver = ArmBridge(cell.node, arm)
    cell.theirs.create_publisher(Float64MultiArray, 'gripper', 1)
    assert driver.other_publishers() == ''
    other = cell.theirs.create_publisher(PoseStamped, 'target_pose', 1)
    cell.until(driver.other_publishers)
    assert driver.other_publishers() == (
        '2 publishers on /target_pose, there must be one: /bench, /their_driver'
    )
    cell.theirs.destroy_publisher(other)
    cell.until(lambda: not driver.other_publishers())


def test_messages_of_another_frame_and_nonsense_are_refused_by_name(cell: Cell) -> None:
    arm = FakeArm(
        [
            Channel('pose', 'geometry_msgs/msg/PoseStamped', frame='base'),
            Channel('word', 'std_msgs/msg/String'),
        ]
    )
    driver = ArmBridge(cell.node, arm)
    pose = cell.theirs.create_publisher(PoseStamped, 'pose', 1)
    word = cell.theirs.create_publisher(String, 'word', 1)
    message = PoseStamped()
    message.header.frame_id = 'world'
    cell.until(lambda: 'pose' in driver.channel_errors, lambda: pose.publish(message))
    cell.until(
        lambda: 'word' in driver.channel_errors, lambda: word.publish(String(data='nonsense'))
    )
    assert driver.state(0.0) == (
        "nothing heard yet; pose is refused: its frame is 'world', not 'base'; "
        'word is refused: nonsense'
    )
    assert not arm.received
    message.header.frame_id = 'base'
    cell.until(lambda: 'pose' not in driver.channel_errors, lambda: pose.publish(message))


def test_messages_that_are_not_installed(cell: Cell) -> None:
    with pytest.raises(ParameterError, match='arm fake: .* needs absent_msgs: apt install ros-'):
        ArmBridge(cell.node, FakeArm([Channel('status', 'absent_msgs/msg/Status')]))
    arm = FakeArm(outputs=[Channel('extra', 'absent_msgs/msg/Extra', optional=True)])
    driver = ArmBridge(cell.node, arm)
    assert 'left out: absent_msgs/msg/Extra needs absent_msgs' in driver.channel_errors['extra']
    arm.messages = [OutgoingMessage('extra', {})]
    driver.command(POSE, 1.0, 0.0)


def test_a_sequence_calls_one_after_another(cell: Cell) -> None:
    asked: list[Any] = []

    def answer(request: Any, response: Any) -> Any:
        asked.append(request)
        response.success = True
        return response

    cell.theirs.create_service(SetBool, '/left/pause', answer)
    cell.theirs.create_service(Trigger, '/elsewhere/begin', answer)
    driver = ArmBridge(cell.node, FakeArm(), 'left')
    sequence, replies = calls(
        Call('pause', 'std_srvs/srv/SetBool', {'data': True}, label='pause it'),
        0.05,
        Call('/elsewhere/begin', 'std_srvs/srv/Trigger'),
    )
    assert cell.run(driver, sequence) == (
        'all was done',
        ['pause it: done', '/elsewhere/begin: done'],
    )
    assert [type(request).__name__ for request in asked] == ['SetBool_Request', 'Trigger_Request']
    assert asked[0].data is True
    assert replies[0].success


def test_a_sequence_receives_why_no_response_came(cell: Cell) -> None:
    def sleep(request: Any, response: Any) -> Any:
        raise AssertionError('spun by nobody')

    silent = cell.another('silent')
    silent.create_service(Trigger, 'asleep', sleep)
    driver = ArmBridge(cell.node, FakeArm())
    cell.until(lambda: cell.node.count_services('/asleep'))
    cell.executor.remove_node(silent)
    names = ('absent', 'asleep', 'foreign')
    sequence, replies = calls(
        Call('absent', 'std_srvs/srv/Trigger', timeout=0.2),
        Call('asleep', 'std_srvs/srv/Trigger', timeout=0.5),
        Call('foreign', 'absent_msgs/srv/Thing'),
    )
    _, steps = cell.run(driver, sequence)
    assert replies[0] == 'absent is not offered, after 0.2 s'
    assert replies[1] == 'asleep did not answer within 0.5 s'
    assert 'absent_msgs/srv/Thing needs absent_msgs: apt install ros-' in replies[2]
    assert steps == [f'{name}: {reply}' for name, reply in zip(names, replies, strict=True)]
    silent.destroy_node()


def test_the_node_lives_on_while_a_service_of_it_performs(cell: Cell) -> None:
    driver = ArmBridge(cell.node, FakeArm())
    ticks: list[int] = []

    async def recover(request: Any, response: Any) -> Any:
        before = len(ticks)
        sequence, _ = calls(Call('absent', 'std_srvs/srv/Trigger', timeout=0.5))
        response.message, _ = await driver.run_sequence(sequence)
        response.success = len(ticks) > before + 5
        return response

    cell.node.create_timer(0.01, lambda: ticks.append(1))
    cell.node.create_service(Trigger, 'recover', recover, callback_group=driver.callback_group)
    client = cell.theirs.create_client(Trigger, 'recover')
    cell.until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    cell.until(lambda: len(ticks) > 5)
    assert cell.run(driver, calls()[0]) == (
        'the arm is still being started or recovered',
        [],
    )
    cell.until(answer.done)
    assert answer.result().success
    assert answer.result().message == 'all was done'


class FakeGripper:
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


def test_a_sequence_pursues_actions(cell: Cell) -> None:
    gripper, driver = FakeGripper(cell.theirs), ArmBridge(cell.node, FakeArm())

    def goal(name: str, timeout: float = 10.0) -> Any:
        sequence, replies = calls(Call('hand', ADAPT, {'demonstration': name}, timeout))
        cell.run(driver, sequence)
        return replies[0]

    assert goal('open').reason == 'open'
    assert goal('impossible') == 'failed'
    gripper.accepts = False
    assert goal('close') == 'refused'
    gripper.accepts, gripper.slow = True, True
    assert goal('slow', 0.5) == 'hand did not answer within 0.5 s'
    cell.until(lambda: gripper.cancelled == ['slow'])


def test_goals_do_not_pile_up_and_the_newest_wins(cell: Cell) -> None:
    arm = FakeArm(outputs=[Channel('hand', ADAPT)])
    driver = ArmBridge(cell.node, arm)

    def tick() -> None:
        driver.command(POSE, 1.0, 0.0)
        arm.messages = []

    arm.messages = [OutgoingMessage('hand', {'demonstration': 'early'})]
    tick()
    assert driver.channel_errors == {'hand': 'hand is not offered'}
    gripper = FakeGripper(cell.theirs)
    gripper.slow = True
    cell.until(lambda: gripper.goals == ['early'], tick)
    assert not driver.channel_errors
    for name in ('never', 'newest'):
        arm.messages = [OutgoingMessage('hand', {'demonstration': name})]
        tick()
    cell.until(lambda: gripper.cancelled == ['early'], tick)
    cell.until(lambda: gripper.goals == ['early', 'newest'], tick)
    gripper.slow = False
    arm.messages = [OutgoingMessage('hand', {'demonstration': 'impossible'})]
    cell.until(lambda: driver.channel_errors == {'hand': 'hand failed'}, tick)
    gripper.accepts = False
    arm.messages = [OutgoingMessage('hand', {'demonstration': 'more'})]
    cell.until(lambda: driver.channel_errors == {'hand': 'hand refused the goal'}, tick)
    cell.until(lambda: arm.ends[-1:] == ['hand refused the goal'])
    assert 'hand failed' in arm.ends


def test_a_goal_that_nobody_requests_any_more_is_not_sent(cell: Cell) -> None:
    """The driver of the gripper starts while the arm is stopped: the fingers rest."""
    arm = FakeArm(outputs=[Channel('hand', ADAPT)])
    driver = ArmBridge(cell.node, arm)
    arm.messages = [OutgoingMessage('hand', {'demonstration': 'early'})]
    driver.command(POSE, 1.0, 0.0)
    arm.messages = []
    driver.command(POSE, 1.0, 0.0, commanded=False)
    assert arm.ends == ['hand: the motion ended before the goal was sent']
    gripper = FakeGripper(cell.theirs)
    arm.messages = [OutgoingMessage('hand', {'demonstration': 'requested'})]
    cell.until(lambda: gripper.goals, lambda: driver.command(POSE, 1.0, 0.0))
    assert set(gripper.goals) == {'requested'}


def test_what_is_wrong_at_the_arm_is_told(cell: Cell) -> None:
    arm = FakeArm()
    driver = ArmBridge(cell.node, arm)
    arm.told_problems['hand'] = 'it is told again'
    assert driver.channel_errors == {'hand': 'it is told again'}


class GripperArm(GripperOwner, FakeArm):
    """An arm with a gripper whose action stands in for GripperCommand."""

    def __init__(self) -> None:
        super().__init__(outputs=[Channel('hand', ADAPT)])
        self._gripper = Gripper(GripperConfig(kind='command', command='hand', state=''))
        self.name_of_goal = 'impossible'

    def command(
        self, target: Pose, gripper: float, now: float, commanded: bool = True
    ) -> DriverCommand:
        told = self._gripper.command(gripper, now, commanded)
        goal = OutgoingMessage('hand', {'demonstration': self.name_of_goal})
        return DriverCommand([goal for _ in told], target)


def test_a_gripper_whose_goal_was_aborted_is_told_again(cell: Cell) -> None:
    """Of a real arm: state open, closed requested, goal aborted once."""
    gripper, arm = FakeGripper(cell.theirs), GripperArm()
    driver = ArmBridge(cell.node, arm)

    def request_closed() -> None:
        driver.command(POSE, 0.0, steady_time())

    cell.until(lambda: 'hand failed' in driver.channel_errors.get('hand', ''), request_closed)
    assert 'the gripper was told 0.00: hand failed' in driver.channel_errors['hand']
    arm.name_of_goal = 'possible'
    cell.until(lambda: gripper.goals[-1] == 'possible', request_closed)
    cell.until(lambda: not driver.channel_errors, request_closed)
    assert gripper.goals == ['impossible', 'possible']
