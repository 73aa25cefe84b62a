"""A policy at an arm acts only while everything it needs is there, and says what is not."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.experience.types import ACTING_MODES, Observation, Step
from robo_dopamine_ros.policy.loop import PolicyLoop, PolicyLoopParameters
from robo_dopamine_ros.types import (
    SECOND,
    ArmCommand,
    ArmState,
    Control,
    Episode,
    Mode,
    Outcome,
    Phase,
    Pose,
    RecorderStatus,
    Views,
)

MS = SECOND // 1000
START = 1_700_000_000 * SECOND  # [ns]
POSE = Pose(np.array([0.5, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))
EPOCH = 11
TWIST = np.array([0.05, 0.0, -0.02, 0.0, 0.0, 0.3])


@dataclass
class FakeInference:
    """Commands the same twist every time, and counts."""

    version: int = 3
    fault: str = ''
    acted: int = 0
    observations: list[Observation] = field(default_factory=list)

    def reload(self) -> None:
        pass

    def observe(self, views: Views, state: np.ndarray) -> Observation:
        self.observations.append(Observation(views.stamp, np.zeros(2, np.float16), state))
        return self.observations[-1]

    def act(self, observation: Observation, gripper: float, stamp: int) -> ArmCommand:
        self.acted += 1
        return ArmCommand(stamp, TWIST, gripper=gripper, policy_version=self.version)


def views(stamp: int) -> Views:
    return Views({}, {'front': stamp, 'left_wrist': stamp - 5 * MS})


def arm(stamp: int) -> ArmState:
    none = np.zeros(0)
    return ArmState(stamp, POSE, np.zeros(6), none, none, (), 0.0, np.zeros(6))


def control(stamp: int, mode: Mode = Mode.POLICY) -> Control:
    return Control(stamp, mode, False, '', '', ArmCommand(stamp, gripper=0.4), POSE)


class Cell:
    """All inputs of a policy loop, a tenth of a second at a time; each part may be silent."""

    def __init__(self) -> None:
        self.inference = FakeInference()
        self.loop = PolicyLoop(self.inference, PolicyLoopParameters(), EPOCH)  # type: ignore[arg-type]
        self.number, self.kept, self.episode = 0, -1, Episode()
        self.steps: list[Step] = []
        self.silent: set[str] = set()
        self.mode, self.reason = Mode.POLICY, ''

    @property
    def now(self) -> float:
        return self.number / 10

    @property
    def stamp(self) -> int:
        return START + self.number * 100 * MS

    def say(self, phase: Phase, name: str = 'e') -> None:
        outcome = Outcome.TIME_LIMIT if phase is Phase.ENDED else Outcome.NONE
        self.episode = Episode(name, phase=phase, outcome=outcome, stamp=self.stamp)
        self.loop.on_message(self.episode, self.now)

    def tick(self, late: str = '') -> ArmCommand:
        self.number += 1
        receive, silent, now = self.loop.on_message, self.silent, self.now
        for age in (80, 60, 40, 20):
            if 'control' not in silent:
                receive(control(self.stamp - age * MS, self.mode), now - age / 1000)
        if 'arm' not in silent:
            receive(arm(self.stamp), now - 0.01)
        if 'recorder' not in silent:
            self.kept = max([self.kept, *(step.id.sequence for step in self.steps)])
            kept = (
                RecorderStatus(0, EPOCH, self.kept, reason=self.reason)
                if self.kept >= 0
                else RecorderStatus(0)
            )
            receive(replace(kept, reason=self.reason), now - 0.03)
        seen = None if 'cameras' in silent else views(self.stamp - 30 * MS)
        command = self.loop.step(seen, late, now, self.stamp)
        self.steps += self.loop.send_buffer.steps_to_send(now)
        return command


def acting_cell() -> Cell:
    """A cell in which the policy acts."""
    cell = Cell()
    cell.say(Phase.RUNNING)
    for _ in range(3):
        command = cell.tick()
    assert command.valid, command.reason
    return cell


def test_it_acts_in_episodes_alone():
    cell = Cell()
    assert cell.tick().reason == 'no episode runs'
    cell.say(Phase.RESETTING)
    assert not cell.tick().valid
    assert not cell.inference.observations
    cell.say(Phase.RUNNING)
    assert all(cell.tick().valid for _ in range(3))
    cell.say(Phase.ENDED)
    seen = len(cell.inference.observations)
    assert [cell.tick().reason for _ in range(4)] == ['no episode runs'] * 4
    assert len(cell.inference.observations) == seen + 1  # the last step needs its end
    assert {step.episode for step in cell.steps} == {'e'}
    assert [step.id.sequence for step in cell.steps] == [0, 1, 2]


def test_a_command_is_that_of_the_newest_observation():
    cell = acting_cell()
    command = cell.tick()
    np.testing.assert_array_equal(command.twist, TWIST)
    assert (command.stamp, command.gripper, command.policy_version) == (cell.stamp, 0.4, 3)
    assert cell.inference.acted == len(cell.inference.observations)


def test_without_new_views_the_command_is_repeated_and_no_step_is_made():
    cell = acting_cell()
    acted, steps = cell.inference.acted, len(cell.steps)
    cell.silent = {'cameras'}
    command = cell.tick()
    assert (command.valid, command.stamp) == (True, cell.stamp)
    assert (cell.inference.acted, len(cell.steps)) == (acted, steps)
    cell.silent = set()
    cell.tick()
    assert cell.steps[-1].end.stamp - cell.steps[-1].begin.stamp == 200 * MS


@pytest.mark.parametrize(
    ('silent', 'reason'),
    [
        ('arm', 'arm/state is silent for 0.31 s, longer than 0.20 s'),
        ('control', 'control is silent for 0.32 s, longer than 0.20 s'),
        ('recorder', 'the recorder is silent for 0.53 s, longer than 0.50 s'),
    ],
)
def test_it_holds_when_somebody_is_silent_and_goes_on_afterwards(silent, reason):
    cell = acting_cell()
    cell.silent = {silent}
    said = [cell.tick() for _ in range(6)]
    assert reason in [command.reason for command in said]
    assert not said[-1].valid
    assert not said[-1].twist.any()
    cell.silent = set()
    assert [cell.tick() for _ in range(4)][-1].valid


def test_it_holds_by_what_it_is_told_of_views_and_recorder_and_weights():
    cell = acting_cell()
    assert cell.tick('front is 0.35 s old').reason == 'front is 0.35 s old'
    cell.reason = 'no space left'
    assert cell.tick().reason == 'the recorder can store nothing: no space left'
    cell.reason = ''
    cell.inference.version, cell.inference.fault = 0, 'no weights yet'
    assert cell.tick().reason == 'no weights yet'
    cell.inference.version = 1
    assert [cell.tick() for _ in range(3)][-1].valid


def test_a_frame_that_cannot_be_made_is_said():
    cell = acting_cell()
    cell.loop.on_message(replace(arm(0), twist=np.full(6, np.nan)), cell.now)
    cell.silent = {'arm'}
    assert 'not finite' in cell.tick().reason


def test_who_drives_does_not_matter_to_what_is_kept():
    cell = acting_cell()
    cell.mode = Mode.HUMAN
    for _ in range(5):
        cell.tick()
    assert [step.mode for step in cell.steps[-4:]] == [Mode.HUMAN] * 4
    assert {step.policy_version for step in cell.steps[-4:]} == {0}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_lost_steps_hang_together_and_nothing_moves_unrecorded(seed):
    rng, cell = np.random.default_rng(seed), Cell()
    for number in range(4):
        cell.say(Phase.RUNNING, f'e{number}')
        for _ in range(rng.integers(1, 25)):
            if rng.random() < 0.2:
                parts = ['arm', 'control', 'recorder', 'cameras']
                cell.silent = {part for part in parts if rng.random() < 0.3}
                cell.mode = Mode(int(rng.integers(5)))
            late = 'front is old' if 'cameras' in cell.silent else ''
            command = cell.tick(late)
            unkept = cell.loop.step_builder.sequence - 1 - cell.kept
            assert not command.valid or (unkept <= 1 and not late)
            assert command.valid or command.reason
        cell.say(Phase.ENDED, f'e{number}')
        for _ in range(rng.integers(0, 4)):
            assert not cell.tick().valid
    cell.silent = set()
    for _ in range(12):
        cell.tick()
    made = {step.id.sequence: step for step in cell.steps}
    assert (
        sorted(made) == list(range(cell.loop.step_builder.sequence)) == list(range(cell.kept + 1))
    )
    for one, two in zip(list(made.values())[:-1], list(made.values())[1:], strict=True):
        assert one.end is two.begin or one.end.stamp != two.begin.stamp
    assert all(step.mode in ACTING_MODES or not step.acting for step in made.values())
