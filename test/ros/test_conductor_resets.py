"""Resets and the gate, as the conductor's process meets them; gate and simulator are fakes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from processes import CONDUCTOR, Child, Watcher

from robo_dopamine_ros.geometry import moved
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import (
    action_from_msg,
    arm_state_to_msg,
    control_to_msg,
)
from robo_dopamine_ros.types import Action, ArmState, Control, Mode, Outcome, Phase, Pose

FAR = Pose(np.array([0.55, 0.1, 0.25]), np.array([1.0, 0.0, 0.0, 0.0]))
START = np.array([0.5, 0.0, 0.3])
PERIOD = 0.02  # [s]
Conductor = Callable[..., Child]


@pytest.fixture
def watcher(domain: int) -> Iterator[Watcher]:
    with Watcher() as watcher:
        yield watcher


@pytest.fixture
def conductor(domain: int) -> Iterator[Conductor]:
    children: list[Child] = []

    def start(*parameters: str) -> Child:
        children.append(Child(CONDUCTOR, 'episodes.task:=insert', *parameters))
        return children[-1]

    yield start
    for child in children:
        child.kill()


class Gate:
    """A gate and an arm that follow the reset motion while an episode is being reset for."""

    def __init__(self, watcher: Watcher) -> None:
        self.wishes: list[Action] = []
        self.latched, self.deaf, self.silent = False, False, False
        self.pose = FAR
        self._watcher, node = watcher, watcher.node
        arm, control, reset = topics.ARM_STATE, topics.CONTROL, topics.RESET_COMMAND
        self._arm = node.create_publisher(arm.type, arm.name, arm.qos)
        self._control = node.create_publisher(control.type, control.name, control.qos)
        node.create_subscription(reset.type, reset.name, self._hear, reset.qos)
        node.create_timer(PERIOD, self._tick)

    def _hear(self, message) -> None:
        assert message.header.frame_id == 'base' or not message.valid
        self.wishes.append(action_from_msg(message))

    def _tick(self) -> None:
        if self.silent:
            return
        if self.wishes and self._watcher.episode.phase is Phase.RESETTING and not self.deaf:
            self.pose = moved(self.pose, self.wishes[-1].twist, PERIOD)
        none = np.zeros(7)
        state = ArmState(0, self.pose, none[:6], none, none, tuple('abcdefg'), 0.5, none[:6])
        self._arm.publish(arm_state_to_msg(state, 'base'))
        control = Control(
            0, Mode.HOLD, self.latched, 'stop pressed', '', Action(0, gripper=0.2), None
        )
        self._control.publish(control_to_msg(control, 'base'))


def start(watcher: Watcher) -> Phase:
    return watcher.start_episode('', 20.0, lambda: None).phase


def until_phase(watcher: Watcher, phase: Phase) -> None:
    watcher.until(lambda: watcher.episode.phase is phase, f'never {phase.name}')


MOTION = ('resets.way:=motion', 'resets.start.position:=[0.5, 0.0, 0.3]', 'resets.start.gain:=4.0')


def test_a_motion_brings_the_tool_to_its_start(conductor: Conductor, watcher: Watcher) -> None:
    gate = Gate(watcher)
    conductor(*MOTION)
    assert start(watcher) is Phase.RESETTING
    until_phase(watcher, Phase.RUNNING)
    assert np.linalg.norm(gate.pose.position - START) <= 0.011
    watcher.until(lambda: not gate.wishes[-1].valid, 'it fell silent without a word')
    assert gate.wishes[-1].reason == 'the reset is over'
    assert {wish.gripper for wish in gate.wishes if wish.valid} == {0.2}, 'not as it was sent'


def test_an_arm_that_does_not_come_is_told(conductor: Conductor, watcher: Watcher) -> None:
    Gate(watcher).deaf = True
    conductor(*MOTION, 'resets.timeout:=0.5')
    start(watcher)
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.outcome is Outcome.ABORTED
    assert watcher.episode.decided_by == (
        'reset: the tool is 0.122 m and 0.00 rad away from its start, after 0.5 s'
    )


def test_without_an_arm_there_is_no_motion(conductor: Conductor, watcher: Watcher) -> None:
    conductor(*MOTION, 'resets.timeout:=0.3')
    start(watcher)
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.decided_by == 'reset: no arm/state comes, after 0.3 s'


def test_a_latched_gate_ends_the_reset(conductor: Conductor, watcher: Watcher) -> None:
    gate = Gate(watcher)
    conductor('resets.way:=person')
    assert start(watcher) is Phase.RESETTING
    watcher.until(lambda: 'a person brings' in watcher.said('conductor: conductor'), 'not asked')
    gate.latched = True
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.decided_by == 'gate: stop pressed'
    with pytest.raises(RuntimeError, match='the gate is latched: stop pressed; rearm it first'):
        start(watcher)


def test_a_person_resets_and_says_so(conductor: Conductor, watcher: Watcher) -> None:
    conductor('resets.way:=person')
    assert start(watcher) is Phase.RESETTING
    request = topics.START_EPISODE.type.Request()
    watcher.until(lambda: watcher.call(topics.START_EPISODE, request).accepted, 'no confirmation')
    until_phase(watcher, Phase.RUNNING)
    assert watcher.episode.index == 0


def test_a_gate_that_falls_silent_ends_the_episode(conductor: Conductor, watcher: Watcher) -> None:
    gate = Gate(watcher)
    conductor()
    assert start(watcher) is Phase.RUNNING
    gate.silent = True
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.decided_by == 'gate: silent'


def offer_reset(watcher: Watcher, success: bool, message: str = '') -> list:
    asked: list = []

    def answer(request, response):
        asked.append(request)
        response.success, response.message = success, message
        return response

    service = topics.SIM_RESET
    watcher.node.create_service(service.type, service.name, answer)
    return asked


def test_the_simulator_begins_anew(conductor: Conductor, watcher: Watcher) -> None:
    asked = offer_reset(watcher, True)
    conductor('resets.way:=sim')
    start(watcher)
    until_phase(watcher, Phase.RUNNING)
    assert asked


@pytest.mark.parametrize(
    ('offered', 'reason'),
    [
        (True, 'reset: sim/reset: the scene is broken'),
        (False, 'reset: sim/reset is not offered, after 0.5 s'),
    ],
)
def test_a_simulator_that_cannot_is_told(
    conductor: Conductor, watcher: Watcher, offered: bool, reason: str
) -> None:
    if offered:
        offer_reset(watcher, False, 'the scene is broken')
    conductor('resets.way:=sim', 'resets.timeout:=0.5')
    start(watcher)
    until_phase(watcher, Phase.ENDED)
    assert watcher.episode.decided_by == reason


def test_it_gives_signs_of_life_and_pauses(conductor: Conductor, watcher: Watcher) -> None:
    heard: list = []
    conductor()
    watcher.keep(replace(topics.EPISODE, name='/episode'), lambda message: message, heard)
    watcher.until(lambda: len(heard) > 4, 'no signs of life')
    assert len(watcher.episodes) == 1, 'a repeated word is no news'
    pause = topics.PAUSE.type.Request(data=True)
    assert watcher.call(topics.PAUSE, pause).message == 'idle; paused'
    with pytest.raises(RuntimeError, match='paused; call pause with false first'):
        start(watcher)
