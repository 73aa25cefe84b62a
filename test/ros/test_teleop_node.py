"""The teleoperation node as a process: what it publishes and which services it calls."""

import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np  # noqa: E402
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from processes import PATIENCE, Child
from robo_dopamine.msg import Episode
from robo_dopamine.srv import Intervene
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.teleop import joy as gamepad
from robo_dopamine_ros.teleop.command_mapper import RELEASE_FIRST, RELEASED
from robo_dopamine_ros.types import ArmCommand, ArmState, Control, Mode, Pose

TELEOP = ['-m', 'robo_dopamine_ros.nodes.teleop']
HOLDING = gamepad.BUTTONS.index('LB')
SENT = Control(1, Mode.HOLD, False, 'a box in the way', '', ArmCommand(1, gripper=0.2), None)
PERIOD = 0.03  # [s] between two messages of the gamepad
TIMEOUT = 0.5  # [s] of the gamepad, on a machine that has much else to do
TREMOR = 0.01  # of a stick, well within its dead zone


class Cell:
    """The gate, the episode manager and the device's driver, as far as teleoperation sees them."""

    def __init__(self, bench: Any) -> None:
        self.node, self.executor = bench.node, bench.executor
        self.commands: list[ArmCommand] = []
        self.frames: set[str] = set()
        self.requests: list[tuple[str, Any]] = []
        self.health = ('', b'\0')
        self.locks: list[bool] = []
        self.refusal = ''
        self.subscribe(topics.TELEOP_COMMAND, self._on_command)
        self.subscribe(topics.DIAGNOSTICS, self._on_health)
        self.subscribe(topics.STOP_LOCK, lambda message: self.locks.append(message.data))
        for service in (
            topics.INTERVENE,
            topics.STOP,
            topics.REARM,
            topics.START_EPISODE,
            topics.END_EPISODE,
        ):
            self.node.create_service(service.type, service.name, self._answer(service.name))
        self.control = self.publisher(topics.CONTROL.type, topics.CONTROL.name)
        self.joys = self.node.create_publisher(Joy, gamepad.TOPIC, 10)
        self._next, self._count = 0.0, 0

    def subscribe(self, topic: topics.Topic, callback: Callable[[Any], None]) -> None:
        self.node.create_subscription(topic.type, topic.name, callback, topic.qos)

    def publisher(self, kind: type, name: str, depth: int = 10) -> Any:
        return self.node.create_publisher(kind, name, depth)

    def _on_command(self, message: Any) -> None:
        self.commands.append(from_msg(message))
        self.frames.add(message.header.frame_id)

    def _on_health(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.health = (status.message, status.level)

    def _answer(self, name: str) -> Callable[[Any, Any], Any]:
        def answer(request: Any, response: Any) -> Any:
            self.requests.append((name, request))
            granted = not self.refusal
            if hasattr(response, 'accepted'):
                response.accepted, response.reason = granted, self.refusal
            else:
                response.success, response.message = granted, self.refusal
            return response

        return answer

    def push(self, *down: str, **axes: float) -> Callable[[], None]:
        """Publish what a gamepad in a hand would, at its own pace, each time this is called.

        The thumb on the left stick moves it a little sideways, at every fourth message.
        """
        message = Joy(
            axes=[axes.get(name, 0.0) for name in gamepad.AXES],
            buttons=[int(name in down) for name in gamepad.BUTTONS],
        )

        def publish() -> None:
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + PERIOD
                self._count += 1
                message.axes[0] = TREMOR * (self._count // 4 % 2)
                self.joys.publish(message)

        return publish

    def until(self, condition: Callable[[], object], each: Callable[[], object] = int) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f'not in time: {self.health}, {self.commands[-1:]}'
            each()
            self.control.publish(to_msg(SENT, 'base'))
            self.executor.spin_once(timeout_sec=0.01)

    def drives(self) -> bool:
        return bool(self.commands) and self.commands[-1].valid

    def rests(self) -> bool:
        return bool(self.commands) and not self.commands[-1].valid

    def let_go(self) -> None:
        """Hold nothing until the node has seen it."""
        self.until(lambda: self.commands and self.commands[-1].reason == RELEASED, self.push())

    def silence(self) -> int:
        """Wait until the device is said to be dead; gives how many commands came since."""
        self.until(lambda: self.health[1] == b'\2')
        before = len(self.commands)
        since = time.monotonic()
        self.until(lambda: time.monotonic() > since + 0.5)
        return len(self.commands) - before


@pytest.fixture
def cell(bench: Any) -> Cell:
    return Cell(bench)


@pytest.fixture
def start(domain: int) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def begin(*parameters: str) -> Child:
        children.append(Child(TELEOP, *parameters))
        return children[-1]

    yield begin
    for child in children:
        child.kill()


def test_a_gamepad_drives_lets_go_and_dies(cell: Cell, start: Callable[..., Child]) -> None:
    child = start('device:=joy', 'stop_lock:=true', f'joy.timeout:={TIMEOUT}')
    cell.until(lambda: cell.locks)
    assert cell.locks == [True], 'locked until the device speaks'
    cell.until(cell.rests, cell.push('LB', LY=1.0))
    assert cell.commands[-1].reason == RELEASE_FIRST
    cell.until(lambda: cell.commands[-1].reason == RELEASED, cell.push(LY=1.0))
    cell.until(
        lambda: not cell.drives() and '(x) reads 1' in cell.commands[-1].reason,
        cell.push('LB', LY=1.0),
    )
    cell.let_go()
    cell.until(cell.drives, cell.push('LB', LY=1.0))
    assert cell.commands[-1].twist == pytest.approx([0.1, 0, 0, 0, 0, 0])
    assert cell.frames == {'base'}
    cell.until(lambda: cell.locks[-1] is False, cell.push('LB', LY=1.0))

    assert cell.silence() == 0, 'a dead device requests nothing'
    assert f'silent for more than {TIMEOUT} s while the dead-man was held' in cell.health[0]
    cell.until(lambda: cell.locks[-1] is True)

    before = len(cell.commands)
    cell.until(lambda: len(cell.commands) > before + 2, cell.push('LB', LY=1.0))
    assert not any(command.valid for command in cell.commands[before:]), 'held since before'
    cell.let_go()
    cell.until(lambda: cell.drives() and cell.health[1] == b'\0', cell.push('LB', LY=1.0))

    short = Joy(axes=[0.0] * 3, buttons=[1] * 15)
    cell.until(lambda: cell.health[1] == b'\2', lambda: cell.joys.publish(short))
    assert 'silent for more than' in cell.health[0], 'what is refused does not keep it alive'
    code, errors = child.interrupt()
    assert code == 0, errors
    assert 'joy axes: 3 values; there must be 4 or more' in errors


def test_buttons_call_what_people_call(cell: Cell, start: Callable[..., Child]) -> None:
    child = start('device:=joy', 'person:=Ada', 'joy.timeout:=1.0')
    cell.let_go()
    for button in ('Y', 'A', 'B', 'BACK', 'START', 'DPAD_UP', 'DPAD_DOWN'):
        before = len(cell.requests)
        cell.until(lambda b=before: len(cell.requests) > b, cell.push(button))  # type: ignore[misc]
        seen = len(cell.commands)
        cell.until(lambda s=seen: len(cell.commands) > s, cell.push())  # type: ignore[misc]
    assert [name for name, _ in cell.requests] == [
        'intervene', 'intervene', 'stop', 'rearm', 'start_episode', 'end_episode', 'end_episode',
    ]  # fmt: skip
    requests = [request for _, request in cell.requests]
    assert [(r.request, r.source) for r in requests[:2]] == [
        (Intervene.Request.TAKE_OVER, 'Ada'),
        (Intervene.Request.RELEASE, 'Ada'),
    ]
    assert [(r.outcome, r.decided_by) for r in requests[-2:]] == [
        (Episode.SUCCESS, 'Ada'),
        (Episode.FAILURE, 'Ada'),
    ]
    cell.until(lambda: cell.drives() and cell.commands[-1].gripper == 0.2, cell.push('LB'))
    cell.until(lambda: cell.commands[-1].gripper == 1.0, cell.push('LB', 'RB'))
    cell.let_go()
    cell.until(lambda: cell.drives() and cell.commands[-1].gripper == 0.2, cell.push('LB'))

    cell.refusal = 'a command is active'
    before = len(cell.requests)
    cell.until(lambda: len(cell.requests) > before, cell.push('A'))
    seen = len(cell.commands)
    cell.until(lambda: len(cell.commands) > seen + 5, cell.push())
    errors = child.interrupt()[1]
    assert 'release: refused: a command is active' in errors
    assert 'HOLD: a box in the way' in errors


def test_the_frame_of_the_tool_is_that_of_the_measured_arm(
    cell: Cell, start: Callable[..., Child]
) -> None:
    start('device:=joy', 'joy.timeout:=1.0', 'motion.frame:=tool', 'base_frame:=panda_link0')
    cell.let_go()
    up = cell.push('LB', RY=1.0)
    cell.until(lambda: cell.commands[-1].reason.startswith('no arm/state'), up)
    state = cell.node.create_publisher(
        topics.ARM_STATE.type, topics.ARM_STATE.name, topics.ARM_STATE.qos
    )
    down = Pose(np.zeros(3), np.array([1.0, 0, 0, 0]))
    arm = ArmState(1, down, np.zeros(6), np.zeros(0), np.zeros(0), (), 0.0, np.zeros(6))

    def both() -> None:
        state.publish(to_msg(arm, 'panda_link0'))
        up()

    cell.until(cell.drives, both)
    assert cell.commands[-1].twist == pytest.approx([0, 0, -0.1, 0, 0, 0])
    assert cell.frames == {'panda_link0'}


@pytest.mark.parametrize('device', ['twist', 'pose'])
def test_streams_of_motion_with_a_dead_man_of_their_own(
    device: str, cell: Cell, start: Callable[..., Child]
) -> None:
    start(f'device:={device}', f'{device}.dead_man.topic:=teleop/dead_man')
    kind = {'twist': TwistStamped, 'pose': PoseStamped}[device]
    motion, flag = cell.publisher(kind, f'teleop/{device}'), cell.publisher(Bool, 'teleop/dead_man')
    place = SimpleNamespace(x=0.0)

    def stream(held: bool) -> Callable[[], None]:
        def publish() -> None:
            message = kind()
            if device == 'twist':
                place.x += 0.0001
                message.twist.linear.x = 0.05 + place.x
            else:
                place.x += 0.001
                message.pose.position.x = place.x
            flag.publish(Bool(data=held))
            motion.publish(message)

        return publish

    cell.until(cell.rests, stream(False))
    cell.until(lambda: cell.drives() and cell.commands[-1].twist[0] > 0.01, stream(True))
    cell.until(cell.rests, stream(False))
    cell.until(cell.drives, stream(True))
    cell.until(lambda: cell.health[1] == b'\2', lambda: flag.publish(Bool(data=True)))


def test_the_keyboard_needs_a_terminal_and_gives_it_back(
    cell: Cell, start: Callable[..., Child]
) -> None:
    code, errors = start('device:=keyboard').wait()
    assert code == 2
    assert 'no terminal to read keys from; run `robo-dopamine teleop` in one' in errors

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    command = [sys.executable, *TELEOP, '--ros-args', '-p', 'device:=keyboard']
    child = subprocess.Popen(command, stdin=theirs, stderr=subprocess.PIPE)
    try:
        cell.until(lambda: 'type a key once' in cell.health[0])
        cell.until(cell.rests, lambda: os.write(ours, b'?'))
        cell.until(cell.drives, lambda: os.write(ours, b'w'))
        assert cell.commands[-1].twist == pytest.approx([0.1, 0, 0, 0, 0, 0])
        cell.until(cell.rests)
        os.write(ours, b' ')
        cell.until(lambda: [name for name, _ in cell.requests] == ['stop'])
        os.write(ours, b'\x03')  # Ctrl-C, which no longer reaches it as a signal from this terminal
    finally:
        child.send_signal(2)
        _, errors = child.communicate(timeout=PATIENCE)
        assert child.returncode == 0, errors.decode()
    assert termios.tcgetattr(theirs) == before


@pytest.mark.parametrize(
    ('parameter', 'text'),
    [
        ('device:=mouse', "device = 'mouse'; it must be one of joy, spacenav"),
        ('joy.axes:=[x, x]', 'joy: axes: x stands 2 times; once is right'),
        ('motion.limits.speed:=-0.1', 'motion.limits: speed = -0.1; it must be above 0'),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    parameter: str, text: str, start: Callable[..., Child]
) -> None:
    code, errors = start(parameter).wait()
    assert code == 2
    assert text in errors
