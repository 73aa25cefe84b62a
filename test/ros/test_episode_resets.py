"""Resets and the loss of the gate in a real episode manager; gate and simulator are fakes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from processes import EPISODE_MANAGER, Child, Watcher

from robo_dopamine_ros.geometry import integrate_twist
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.types import ArmCommand, ArmState, Control, Mode, Outcome, Phase, Pose

FAR = Pose(np.array([0.55, 0.1, 0.25]), np.array([1.0, 0.0, 0.0, 0.0]))
HOME = np.array([0.5, 0.0, 0.3])
PERIOD = 0.02  # [s]
StartEpisodeManager = Callable[..., Child]


@pytest.fixture
def episode_manager(domain: int) -> Iterator[StartEpisodeManager]:
    children: list[Child] = []

    def start(*parameters: str) -> Child:
        children.append(Child(EPISODE_MANAGER, 'episodes.task:=insert', *parameters))
        return children[-1]

    yield start
    for child in children:
        child.kill()


class Gate:
    """A gate and an arm that follow the reset motion while an episode is being reset for."""

    def __init__(self, watcher: Watcher) -> None:
        self.commands: list[ArmCommand] = []
        self.latched, self.stuck, self.silent = False, False, False
        self.pose = FAR
        self._watcher, node = watcher, watcher.node
        arm, control, reset = topics.ARM_STATE, topics.CONTROL, topics.RESET_COMMAND
        self._arm = node.create_publisher(arm.type, arm.name, arm.qos)
        self._control = node.create_publisher(control.type, control.name, control.qos)
        node.create_subscription(reset.type, reset.name, self._on_command, reset.qos)
        node.create_timer(PERIOD, self._tick)

    def _on_command(self, message) -> None:
        assert message.header.frame_id == 'base' or not message.valid
        self.commands.append(from_msg(message))

    def _tick(self) -> None:
        if self.silent:
            return
        if self.commands and self._watcher.episode.phase is Phase.RESETTING and not self.stuck:
            self.pose = integrate_twist(self.pose, self.commands[-1].twist, PERIOD)
        none = np.zeros(7)
        state = ArmState(0, self.pose, none[:6], none, none, tuple('abcdefg'), 0.5, none[:6])
        self._arm.publish(to_msg(state, 'base'))
        control = Control(
            0, Mode.HOLD, self.latched, 'stop pressed', '', ArmCommand(0, gripper=0.2), None
        )
        self._control.publish(to_msg(control, 'base'))


def start(watcher: Watcher) -> Phase:
    return watcher.start_episode('', 20.0, lambda: None).phase


def until_phase(watcher: Watcher, phase: Phase) -> None:
    watcher.until(lambda: watcher.episode.phase is phase, f'never {phase.name}')


MOTION = (
    'resets.strategy:=motion',
    'resets.home.position:=[0.5, 0.0, 0.3]',
    'resets.home.gain:=4.0',
)


def test_a_motion_moves_the_tool_home(
    episode_manager: StartEpisodeManager, watcher: Watcher
) -> None:
    gate = Gate(watcher)
    episode_manager(*MOTION)
    assert start(watcher) is Phase.RESETTING
    until_phase(watcher, Phase.RUNNING)
    assert np.linalg.norm(gate.pose.position - HOME) <= 0.011
    watcher.until(lambda: not gate.commands[-1].valid, 'no invalid command at the end')
    assert gate.commands[-1].reason == 'the reset is over'
    assert {command.gripper for command in gate.commands if command.valid} == {0.2}, (
        'not as it was sent'
    )


def test_an_arm_that_does_not_arrive_aborts(
    episode_manager: StartEpisodeManager, watcher: Watcher
) -> None:
    Gate(watcher).stuck = True
    episode_manager(*MOTION, 'resets.timeout:=0.5')
    start(watcher)
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.outcome is Outcome.ABORTED
    assert watcher.episode.decided_by == (
        'reset: the tool is 0.122 m and 0.00 rad away from its start, after 0.5 s'
    )


def test_a_missing_arm_state_aborts(episode_manager: StartEpisodeManager, watcher: Watcher) -> None:
    episode_manager(*MOTION, 'resets.timeout:=0.3')
    start(watcher)
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.decided_by == 'reset: no arm/state comes, after 0.3 s'


def test_a_latched_gate_ends_the_reset(
    episode_manager: StartEpisodeManager, watcher: Watcher
) -> None:
    gate = Gate(watcher)
    episode_manager('resets.strategy:=manual')
    assert start(watcher) is Phase.RESETTING
    watcher.until(
        lambda: 'a person brings' in watcher.said('episode_manager: episode_manager'), 'not asked'
    )
    gate.latched = True
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.decided_by == 'gate: stop pressed'
    with pytest.raises(RuntimeError, match=r'stop pressed; rearm it first \(robo-dopamine rearm\)'):
        start(watcher)


def test_a_person_resets_and_confirms(
    episode_manager: StartEpisodeManager, watcher: Watcher
) -> None:
    episode_manager('resets.strategy:=manual')
    assert start(watcher) is Phase.RESETTING
    request = topics.START_EPISODE.type.Request()
    watcher.until(lambda: watcher.call(topics.START_EPISODE, request).accepted, 'no confirmation')
    until_phase(watcher, Phase.RUNNING)
    assert watcher.episode.index == 0


def test_a_gate_that_falls_silent_ends_the_episode(
    episode_manager: StartEpisodeManager, watcher: Watcher
) -> None:
    gate = Gate(watcher)
    episode_manager()
    assert start(watcher) is Phase.RUNNING
    gate.silent = True
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.decided_by == 'gate: silent'


def offer_reset(watcher: Watcher, success: bool, message: str = '') -> list:
    requests: list = []

    def answer(request, response):
        requests.append(request)
        response.success, response.message = success, message
        return response

    service = topics.SIM_RESET
    watcher.node.create_service(service.type, service.name, answer)
    return requests


def test_the_simulator_resets(episode_manager: StartEpisodeManager, watcher: Watcher) -> None:
    requests = offer_reset(watcher, True)
    episode_manager('resets.strategy:=sim')
    start(watcher)
    until_phase(watcher, Phase.RUNNING)
    assert requests


@pytest.mark.parametrize(
    ('offered', 'reason'),
    [
        (True, 'reset: sim/reset: the scene is broken'),
        (False, 'reset: sim/reset is not offered, after 0.5 s'),
    ],
)
def test_a_simulator_that_fails_aborts(
    episode_manager: StartEpisodeManager, watcher: Watcher, offered: bool, reason: str
) -> None:
    if offered:
        offer_reset(watcher, False, 'the scene is broken')
    episode_manager('resets.strategy:=sim', 'resets.timeout:=0.5')
    start(watcher)
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.decided_by == reason


def test_it_publishes_heartbeats_and_pauses(
    episode_manager: StartEpisodeManager, watcher: Watcher
) -> None:
    messages: list = []
    episode_manager()
    watcher.subscribe(replace(topics.EPISODE, name='/episode'), lambda message: message, messages)
    watcher.until(lambda: len(messages) > 4, 'no heartbeat')
    assert len(watcher.episodes) == 1, 'a heartbeat is no change'
    pause = topics.PAUSE.type.Request(data=True)
    assert watcher.call(topics.PAUSE, pause).message == 'idle; paused'
    with pytest.raises(RuntimeError, match='paused; call pause with false first'):
        start(watcher)
