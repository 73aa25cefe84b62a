"""The gate as a process, between real topics and a driver like those of CRISP."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from processes import HERE, Child, Watcher

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.types import ArmCommand, ArmState, Control, Episode, Mode, Phase

GATE = ['-m', 'robo_dopamine_ros.nodes.gate']
DRIVER = [str(HERE.parent / 'drivers' / 'crisp_driver.py')]
PERIOD = 0.03  # [s] between two commands
UP, DOWN = np.array([0, 0, 0.03, 0, 0, 0]), np.array([0, 0, -0.03, 0, 0, 0])
TIMEOUTS = {  # long, for a loaded machine
    'human_timeout': 1.0,
    'policy_timeout': 1.0,
    'arm_timeout': 1.0,
    'lock_timeout': 1.0,
    'episode_timeout': 5.0,
    'tick_timeout': 2.0,
    'force': 40.0,
}
REQUEST = topics.INTERVENE.type.Request


class Cell(Watcher):
    """A person, a policy, an episode manager and the stop lock around the gate."""

    def __init__(self, frame: str = 'base') -> None:
        super().__init__()
        self._frame = frame
        self.controls: list[Control] = []
        self.states: list[ArmState] = []
        self.targets: list[PoseStamped] = []
        self.commands: dict[str, ArmCommand] = {}  # by topic, published periodically
        self.phase, self.locked = Phase.IDLE, False
        self.subscribe(topics.CONTROL, from_msg, self.controls)
        self.subscribe(topics.ARM_STATE, from_msg, self.states)
        self.node.create_subscription(PoseStamped, 'target_pose', self.targets.append, 1)
        self._publishers = {
            topic.name: self.node.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (
                topics.TELEOP_COMMAND,
                topics.POLICY_COMMAND,
                topics.EPISODE,
                topics.STOP_LOCK,
            )
        }
        self.node.create_timer(PERIOD, self._publish)

    def _publish(self) -> None:
        stamp = self.node.get_clock().now().nanoseconds
        for name, command in list(self.commands.items()):
            stamped = ArmCommand(stamp, command.twist, valid=command.valid, reason=command.reason)
            self._publishers[name].publish(to_msg(stamped, self._frame))
        episode = Episode(id='one', phase=self.phase)
        self._publishers[topics.EPISODE.name].publish(to_msg(episode))
        if self.locked is not None:
            self._publishers[topics.STOP_LOCK.name].publish(topics.STOP_LOCK.type(data=self.locked))

    def command_policy(self, twist: np.ndarray) -> None:
        self.commands[topics.POLICY_COMMAND.name] = ArmCommand(0, twist)

    def command_human(self, twist: np.ndarray | None) -> None:
        """None: the dead-man is let go."""
        command = (
            ArmCommand(0, twist)
            if twist is not None
            else ArmCommand(0, valid=False, reason='let go')
        )
        self.commands[topics.TELEOP_COMMAND.name] = command

    @property
    def control(self) -> Control:
        return self.controls[-1]

    def wait_for_mode(self, mode: Mode, words: str = '') -> Control:
        """Wait for a mode with these words in its reason."""

        def reached() -> bool:
            return (
                bool(self.controls) and self.control.mode is mode and words in self.control.reason
            )

        last = self.controls[-1:]
        self.until(
            reached, f'never {mode.name} {words!r}; at first {last}, {self.said("gate: gate")}'
        )
        return self.control

    def rearm(self) -> Any:
        return self.call(topics.REARM, topics.REARM.type.Request())

    def intervene(self, request: int) -> Any:
        return self.call(topics.INTERVENE, REQUEST(request=request, source='the test'))


@pytest.fixture
def cell(domain: int) -> Iterator[Cell]:
    with Cell() as cell:
        yield cell


@pytest.fixture
def driver(domain: int) -> Iterator[Child]:
    child = Child(DRIVER)
    yield child
    child.kill()


Start = Callable[..., Child]


@pytest.fixture
def start(domain: int) -> Iterator[Start]:
    """Start the gate, armed unless said otherwise."""
    children = []

    def start(**parameters: object) -> Child:
        known = {f'limits.{name}': wait for name, wait in TIMEOUTS.items()}
        known |= {'simulated': 'true', 'armed': 'true', 'stop_lock': 'false', 'enable': 'none'}
        known |= {'driver.crisp.wrench': 'external_wrench'}
        words = [f'{key}:={value}' for key, value in (known | parameters).items()]
        children.append(Child(GATE, *words))
        return children[-1]

    yield start
    for child in children:
        child.kill()


def test_a_person_takes_over_and_hands_back(cell: Cell, driver: Child, start: Start) -> None:
    gate = start()
    cell.wait_for_mode(Mode.HOLD, 'no episode runs: idle')
    cell.command_policy(UP)
    cell.phase = Phase.RUNNING
    moving = cell.wait_for_mode(Mode.POLICY)
    assert moving.source == 'policy/command'
    height = cell.states[-1].pose.position[2]
    cell.until(lambda: cell.states[-1].pose.position[2] > height + 0.01, 'the arm does not move')

    cell.command_human(DOWN)
    cell.wait_for_mode(Mode.HUMAN)
    cell.until(lambda: cell.control.sent.twist[2] < -0.02, 'the person is not obeyed')
    refused = cell.intervene(REQUEST.RELEASE)
    assert (refused.accepted, refused.reason) == (
        False,
        'teleop/command is active; let go of the dead-man first',
    )
    cell.command_human(None)
    held = cell.wait_for_mode(Mode.HOLD, 'a person took over and has not handed back')
    assert not held.latched
    count = len(cell.controls)
    cell.until(lambda: len(cell.controls) > count + 50, 'the gate fell silent')
    assert cell.control.mode is Mode.HOLD, 'the policy resumed by itself'

    assert cell.intervene(REQUEST.RELEASE).accepted
    cell.wait_for_mode(Mode.POLICY)
    first = next(c for c in cell.controls[count:] if c.mode is Mode.POLICY)
    assert first.target is not None
    assert np.abs(first.target.position - cell.states[-1].pose.position).max() < 0.01
    assert cell.intervene(REQUEST.TAKE_OVER).accepted
    cell.wait_for_mode(Mode.HOLD, 'a person took over')
    assert gate.interrupt()[0] == 0


def test_what_latches_stays_so_until_rearmed(cell: Cell, driver: Child, start: Start) -> None:
    gate = start()
    cell.wait_for_mode(Mode.HOLD)
    cell.command_human(UP)
    cell.wait_for_mode(Mode.HUMAN)
    cell.commands = {}  # the teleoperator's process dies
    lost = cell.wait_for_mode(Mode.STOPPED, 'teleop/command is silent for')
    assert lost.latched
    cell.command_human(UP)
    cell.until(lambda: 'teleop/command is silent' in cell.said('gate: gate'), 'not in diagnostics')
    assert cell.rearm().success
    cell.wait_for_mode(Mode.HOLD, 'let go of the dead-man first')
    cell.command_human(None)
    cell.wait_for_mode(
        Mode.HOLD, 'a person took over and has not handed back; teleop/command: let go'
    )
    cell.command_human(UP)
    cell.wait_for_mode(Mode.HUMAN)

    assert cell.call(topics.STOP, topics.STOP.type.Request()).success
    cell.wait_for_mode(Mode.STOPPED, 'stop was called; rearm to go on')
    assert cell.rearm().success
    cell.wait_for_mode(Mode.HOLD)
    gate.popen.send_signal(signal.SIGSTOP)
    cell.node.create_timer(2.5, lambda: gate.popen.send_signal(signal.SIGCONT))
    cell.wait_for_mode(Mode.STOPPED, 'the gate stood still for')
    cell.wait_for_mode(Mode.STOPPED, 'rearm to go on')
    assert cell.rearm().success
    cell.wait_for_mode(Mode.HOLD)


def test_a_second_publisher_stops_the_arm(cell: Cell, driver: Child, start: Start) -> None:
    start()
    cell.wait_for_mode(Mode.HOLD)
    rival = cell.node.create_publisher(PoseStamped, 'target_pose', 1)
    cell.wait_for_mode(
        Mode.STOPPED, '2 publishers on /target_pose, there must be one: /gate, /watcher'
    )
    answer = cell.rearm()
    assert (answer.success, answer.message[:29]) == (False, '2 publishers on /target_pose,')
    cell.node.destroy_publisher(rival)
    cell.wait_for_mode(Mode.STOPPED, 'rearm to go on')
    assert cell.rearm().success
    cell.wait_for_mode(Mode.HOLD)


def test_nothing_moves_without_the_stop_lock_and_before_arming(
    cell: Cell, driver: Child, start: Start
) -> None:
    cell.locked = True
    start(armed='false', stop_lock='true')
    cell.wait_for_mode(Mode.STOPPED, 'not armed yet; and now: the stop lock is locked')
    answer = cell.rearm()
    assert (answer.success, answer.message) == (False, 'the stop lock is locked')
    assert not cell.targets, 'it sent the arm something before it was armed'
    cell.locked = False
    cell.wait_for_mode(Mode.STOPPED, 'not armed yet; rearm to go on')
    assert cell.rearm().success
    cell.until(lambda: bool(cell.targets), 'nothing is sent to the arm')
    cell.wait_for_mode(Mode.HOLD)
    cell.locked = None  # the lock is unplugged
    cell.wait_for_mode(Mode.STOPPED, 'the stop lock is silent for')


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        ('drop', 'silence on current_pose'),
        ('frame', "its frame is 'world', not 'base'"),
        ('jump', 'the tool is measured 0.200 m'),
        ('push', 'the force on the tool is 60.0 N; the limit is 40.0 N'),
    ],
)
def test_an_arm_that_is_not_well_stops(
    cell: Cell, driver: Child, start: Start, fault: str, words: str
) -> None:
    start()
    cell.wait_for_mode(Mode.HOLD)
    cell.command_human(UP)
    cell.wait_for_mode(Mode.HUMAN)
    driver.say(fault)
    cell.wait_for_mode(Mode.STOPPED, words)
    driver.say('')
    cell.wait_for_mode(Mode.STOPPED, 'rearm to go on')
    recovered = cell.call(topics.RECOVER, topics.RECOVER.type.Request())
    assert (recovered.recovered, recovered.reason) == (True, '')
    cell.wait_for_mode(Mode.STOPPED, 'rearm to go on')
    assert cell.rearm().success
    cell.wait_for_mode(Mode.HOLD)


def test_a_refused_command_is_named(cell: Cell, driver: Child, start: Start) -> None:
    start()
    cell.wait_for_mode(Mode.HOLD, 'no episode runs: idle')
    cell.command_human(np.full(6, np.nan))
    cell.wait_for_mode(Mode.HOLD, 'teleop/command refused: twist [nan, nan, nan, nan, nan, nan]')
    cell.wait_for_mode(Mode.STOPPED, 'teleop/command refused for')
    cell.until(
        lambda: any(v.key == 'refused, teleop/command' for v in cell.health['gate: gate'].values),
        'the refusals are not counted in diagnostics',
    )


def test_bad_limits_are_refused_in_one_line(domain: int) -> None:
    code, errors = Child(GATE, 'limits.speed:=-1.0').wait()
    assert (code, errors) == (2, 'parameters: limits: speed = -1.0; it must be above 0\n')
