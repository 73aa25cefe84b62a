"""A policy at an arm acts only while everything it needs is there, and says what is not."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.learning.performing import Performer, PerformerParameters
from robo_dopamine_ros.learning.steps import ACTING, Frame, Step
from robo_dopamine_ros.types import (
    SECOND,
    Action,
    ArmState,
    Control,
    Episode,
    Kept,
    Mode,
    Outcome,
    Phase,
    Pose,
    Views,
)

MS = SECOND // 1000
DAWN = 1_700_000_000 * SECOND  # [ns]
POSE = Pose(np.array([0.5, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))
EPOCH = 11
WISH = np.array([0.05, 0.0, -0.02, 0.0, 0.0, 0.3])


@dataclass
class FakeActor:
    """Wishes the same every time, and counts."""

    version: int = 3
    fault: str = ''
    decided: int = 0
    frames: list[Frame] = field(default_factory=list)

    def look(self) -> None:
        pass

    def frame(self, views: Views, state: np.ndarray) -> Frame:
        self.frames.append(Frame(views.stamp, np.zeros(2, np.float16), state))
        return self.frames[-1]

    def decide(self, frame: Frame, gripper: float, stamp: int) -> Action:
        self.decided += 1
        return Action(stamp, WISH, gripper=gripper, policy_version=self.version)


def views(stamp: int) -> Views:
    return Views({}, {'front': stamp, 'left_wrist': stamp - 5 * MS})


def arm(stamp: int) -> ArmState:
    none = np.zeros(0)
    return ArmState(stamp, POSE, np.zeros(6), none, none, (), 0.0, np.zeros(6))


def control(stamp: int, mode: Mode = Mode.POLICY) -> Control:
    return Control(stamp, mode, False, '', '', Action(stamp, gripper=0.4), POSE)


class Cell:
    """All that a performer hears, a tenth of a second at a time; each part may be silent."""

    def __init__(self) -> None:
        self.actor = FakeActor()
        self.performer = Performer(self.actor, PerformerParameters(), EPOCH)  # type: ignore[arg-type]
        self.number, self.kept, self.episode = 0, -1, Episode()
        self.steps: list[Step] = []
        self.silent: set[str] = set()
        self.mode, self.reason = Mode.POLICY, ''

    @property
    def now(self) -> float:
        return self.number / 10

    @property
    def stamp(self) -> int:
        return DAWN + self.number * 100 * MS

    def say(self, phase: Phase, name: str = 'e') -> None:
        outcome = Outcome.TIME_LIMIT if phase is Phase.ENDED else Outcome.NONE
        self.episode = Episode(name, phase=phase, outcome=outcome, stamp=self.stamp)
        self.performer.hear(self.episode, self.now)

    def tick(self, late: str = '') -> Action:
        self.number += 1
        hear, silent, now = self.performer.hear, self.silent, self.now
        for age in (80, 60, 40, 20):
            if 'control' not in silent:
                hear(control(self.stamp - age * MS, self.mode), now - age / 1000)
        if 'arm' not in silent:
            hear(arm(self.stamp), now - 0.01)
        if 'recorder' not in silent:
            self.kept = max([self.kept, *(step.key.sequence for step in self.steps)])
            kept = Kept(0, EPOCH, self.kept, reason=self.reason) if self.kept >= 0 else Kept(0)
            hear(replace(kept, reason=self.reason), now - 0.03)
        seen = None if 'cameras' in silent else views(self.stamp - 30 * MS)
        wish = self.performer.tick(seen, late, now, self.stamp)
        self.steps += self.performer.due(now)
        return wish


def practising() -> Cell:
    """A cell in which the policy acts."""
    cell = Cell()
    cell.say(Phase.RUNNING)
    for _ in range(3):
        wish = cell.tick()
    assert wish.valid, wish.reason
    return cell


def test_it_acts_in_episodes_alone():
    cell = Cell()
    assert cell.tick().reason == 'no episode runs'
    cell.say(Phase.RESETTING)
    assert not cell.tick().valid
    assert not cell.actor.frames
    cell.say(Phase.RUNNING)
    assert all(cell.tick().valid for _ in range(3))
    cell.say(Phase.ENDED)
    seen = len(cell.actor.frames)
    assert [cell.tick().reason for _ in range(4)] == ['no episode runs'] * 4
    assert len(cell.actor.frames) == seen + 1  # the last step needs its end
    assert {step.episode for step in cell.steps} == {'e'}
    assert [step.key.sequence for step in cell.steps] == [0, 1, 2]


def test_a_wish_is_that_of_the_newest_frame():
    cell = practising()
    wish = cell.tick()
    np.testing.assert_array_equal(wish.twist, WISH)
    assert (wish.stamp, wish.gripper, wish.policy_version) == (cell.stamp, 0.4, 3)
    assert cell.actor.decided == len(cell.actor.frames)


def test_without_new_views_the_wish_stands_and_no_step_is_made():
    cell = practising()
    decided, steps = cell.actor.decided, len(cell.steps)
    cell.silent = {'cameras'}
    wish = cell.tick()
    assert (wish.valid, wish.stamp) == (True, cell.stamp)
    assert (cell.actor.decided, len(cell.steps)) == (decided, steps)
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
    cell = practising()
    cell.silent = {silent}
    said = [cell.tick() for _ in range(6)]
    assert reason in [wish.reason for wish in said]
    assert not said[-1].valid
    assert not said[-1].twist.any()
    cell.silent = set()
    assert [cell.tick() for _ in range(4)][-1].valid


def test_it_holds_by_what_it_is_told_of_views_and_recorder_and_weights():
    cell = practising()
    assert cell.tick('front is 0.35 s old').reason == 'front is 0.35 s old'
    cell.reason = 'no space left'
    assert cell.tick().reason == 'the recorder keeps nothing: no space left'
    cell.reason = ''
    cell.actor.version, cell.actor.fault = 0, 'no weights yet'
    assert cell.tick().reason == 'no weights yet'
    cell.actor.version = 1
    assert [cell.tick() for _ in range(3)][-1].valid


def test_a_frame_that_cannot_be_made_is_said():
    cell = practising()
    cell.performer.hear(replace(arm(0), twist=np.full(6, np.nan)), cell.now)
    cell.silent = {'arm'}
    assert 'not finite' in cell.tick().reason


def test_who_drives_does_not_matter_to_what_is_kept():
    cell = practising()
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
            wish = cell.tick(late)
            unkept = cell.performer.chain.sequence - 1 - cell.kept
            assert not wish.valid or (unkept <= 1 and not late)
            assert wish.valid or wish.reason
        cell.say(Phase.ENDED, f'e{number}')
        for _ in range(rng.integers(0, 4)):
            assert not cell.tick().valid
    cell.silent = set()
    for _ in range(12):
        cell.tick()
    made = {step.key.sequence: step for step in cell.steps}
    assert sorted(made) == list(range(cell.performer.chain.sequence)) == list(range(cell.kept + 1))
    for one, two in zip(list(made.values())[:-1], list(made.values())[1:], strict=True):
        assert one.end is two.begin or one.end.stamp != two.begin.stamp
    assert all(step.mode in ACTING or not step.acting for step in made.values())
