"""Steps of a chain: what was sent in them, by whose will, and where they begin and end."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.learning.chain import LONGEST, Chain, charge
from robo_dopamine_ros.learning.sealing import Sealer, SealingParameters
from robo_dopamine_ros.learning.steps import ACTING, Frame, Scale, Step
from robo_dopamine_ros.types import SECOND, Action, Control, Episode, Mode, Outcome, Phase, Pose

MS = SECOND // 1000
DAWN = 1_700_000_000 * SECOND  # [ns]
STILL = Pose(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))
TICK = 20 * MS  # of the gate
REST = np.zeros(6)


def frame(stamp: int) -> Frame:
    return Frame(stamp, np.zeros(2, np.float16), np.zeros(1, np.float32))


def control(
    stamp: int, mode: Mode = Mode.POLICY, wished: np.ndarray = REST, version: int = 3
) -> Control:
    sent = Action(stamp, gripper=stamp % 7 / 7, policy_version=version)
    return Control(stamp, mode, False, '', '', sent, STILL, wished)


def running(name: str, stamp: int) -> Episode:
    return Episode(name, phase=Phase.RUNNING, stamp=stamp)


def ended(name: str, stamp: int) -> Episode:
    return Episode(name, phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=stamp)


@dataclass
class Robot:
    """A gate that hears random wishes, and a policy whose looks vary."""

    rng: np.random.Generator
    chain: Chain = field(default_factory=lambda: Chain(7))
    now: int = DAWN
    mode: Mode = Mode.POLICY
    twist: np.ndarray = field(default_factory=lambda: np.zeros(6))
    controls: list[Control] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    begun: list[tuple[Frame, Control]] = field(default_factory=list)  # where steps begin and end

    def gate(self) -> None:
        """One tick, sooner or later; now and then another mode."""
        self.now += int(self.rng.integers(1, 40)) * MS
        if self.rng.random() < 0.1:
            self.mode = Mode(self.rng.choice([0, 1, 1, 1, 2, 3, 3, 4]))
            self.twist = self.rng.normal(0, 0.3, 6)
        self.controls.append(control(self.now, self.mode, self.twist))
        self.chain.hear(self.controls[-1])

    def look(self, age: int) -> None:
        seen = frame(self.now - age)
        if step := self.chain.see(seen):
            self.steps.append(step)

    def practise(self, name: str, looks: int) -> None:
        self.chain.follow(running(name, self.now))
        for _ in range(looks):
            for _ in range(self.rng.integers(3, 8)):
                self.gate()
            self.look(int(self.rng.integers(0, 80)) * MS)
            if self.rng.random() < 0.05:  # blind for a while
                for _ in range(self.rng.integers(20, 80)):
                    self.gate()
        word = ended(name, self.now - int(self.rng.integers(0, 40)) * MS)
        self.chain.follow(word)
        for _ in range(self.rng.integers(0, 6)):
            for _ in range(5):
                self.gate()
            self.look(40 * MS)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_steps_of_any_practice_hang_together(seed):
    robot = Robot(np.random.default_rng(seed))
    for number in range(3):
        robot.practise(f'e{number}', 12)
    steps = robot.steps
    assert [step.key.sequence for step in steps] == list(range(len(steps)))
    assert {step.key.epoch for step in steps} <= {7}
    for one, two in pairwise(steps):
        if one.end.stamp == two.begin.stamp:
            assert one.end is two.begin
            assert one.episode == two.episode
        assert two.begin.stamp >= one.end.stamp
    for step in steps:
        assert 0 < step.end.stamp - step.begin.stamp <= LONGEST * SECOND


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_was_wished_adds_up(seed):
    """However ticks, looks and modes fall."""
    robot = Robot(np.random.default_rng(seed))
    robot.gate()
    robot.chain.follow(running('e', robot.now))
    robot.look(0)
    newest = [robot.controls[-1]]  # at each look
    for _ in range(20):
        for _ in range(robot.rng.integers(0, 9)):
            robot.gate()
        robot.now += MS  # looks differ even where the gate stood still
        robot.look(0)
        newest.append(robot.controls[-1])
    way = np.zeros(6)
    for step, (first, last) in zip(robot.steps, pairwise(newest), strict=True):
        way += step.twist * (last.stamp - first.stamp) / SECOND
        assert (step.gripper_before, step.gripper) == (first.sent.gripper, last.sent.gripper)
    wished = [b.wished * (b.stamp - a.stamp) / SECOND for a, b in pairwise(robot.controls)]
    np.testing.assert_allclose(way, np.sum(wished, axis=0), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_an_action_is_found_again(seed):
    """Whenever the looks fall between the ticks."""
    rng, scale = np.random.default_rng(seed), Scale()
    robot = Robot(rng)
    robot.gate()
    robot.chain.follow(running('e', robot.now))
    robot.look(0)
    for _ in range(10):
        action = rng.uniform(-1, 1, 4)
        twist, _ = scale.wish(action, 0.0)
        ticks = int(rng.integers(3, 9))
        for _ in range(ticks):
            robot.now += TICK
            robot.chain.hear(control(robot.now, wished=twist))
        robot.look(int(rng.integers(0, 60)) * MS)
        np.testing.assert_allclose(scale.action(robot.steps[-1].twist, 0.0), action, atol=1e-5)


def chained(*ticks: Control, word: int | None = None, seen: int = 100) -> Step:
    """The step of an episode that runs since DAWN, seen then and `seen` [ms] later."""
    chain = Chain(7)
    chain.follow(running('e', DAWN))
    chain.hear(control(DAWN, Mode.HOLD))
    assert chain.see(frame(DAWN)) is None
    for tick in ticks:
        chain.hear(tick)
    if word is not None:
        chain.follow(ended('e', DAWN + word * MS))
    step = chain.see(frame(DAWN + seen * MS))
    assert step is not None
    return step


def ticks_of(*modes: Mode) -> list[Control]:
    return [control(DAWN + (1 + n) * TICK, mode) for n, mode in enumerate(modes)]


H, P, R, U, S = Mode.HOLD, Mode.POLICY, Mode.RESET, Mode.HUMAN, Mode.STOPPED


@pytest.mark.parametrize(
    ('modes', 'expected'),
    [
        ([P, P, P], P),
        ([U, U], U),
        ([P, P, U], U),
        ([U, P, P], U),
        ([P, H, P], H),
        ([H, P, P, P], H),
        ([P, U, S], S),
        ([P, R, H], R),
        ([], H),
    ],
)
def test_who_was_in_charge_of_a_step(modes, expected):
    step = chained(*ticks_of(*modes))
    assert step.mode is charge(modes) is expected
    assert step.policy_version == (3 if expected is P else 0)


def test_ticks_of_the_gate_after_the_word_do_not_count():
    step = chained(*ticks_of(P, P, H, H), word=50)
    assert step.mode is P
    assert chained(*ticks_of(P, P, H, H), word=70).mode is H
    assert chained(*ticks_of(P, P, H, H), word=10).mode is H


@pytest.mark.parametrize('late', [1, 60, 140, 250])
def test_an_episode_ends_on_the_first_frame_at_or_after_the_word(late):
    chain = Chain(7)
    chain.follow(running('e', DAWN))
    word, steps = DAWN + 500 * MS, []
    for n in range(50):
        chain.hear(control(DAWN + n * TICK, P if n <= 25 else H))
        if n == 25:
            chain.follow(ended('e', word))
            assert not chain.running
            assert chain.open
        if n % 5 == 0 and n * TICK >= late * MS:
            step = chain.see(frame(DAWN + n * TICK - late * MS))
            steps += [step] if step else []
    assert not chain.open
    assert steps[-2].end.stamp < word <= steps[-1].end.stamp
    assert {step.mode for step in steps if step.begin.stamp + late * MS < word} == {P}
    assert {step.mode for step in steps if step.begin.stamp + late * MS >= word} <= {H}


def test_the_outcome_reaches_the_last_step_that_somebody_acted_in():
    chain, sealer = Chain(7), Sealer(SealingParameters(patience=0.5))
    chain.follow(running('e', DAWN))
    word, sealed, steps = ended('e', DAWN + 510 * MS), [], []
    for n in range(60):
        now = DAWN + n * TICK
        chain.hear(control(now, P if now <= word.stamp else H))
        if n == 26:
            chain.follow(word)
            sealed += sealer.update(word, now)
        if n % 5 == 0 and (step := chain.see(frame(now - 60 * MS))):
            steps.append(step)
            sealed += sealer.update(step, now)
    sealed += sealer.update(None, DAWN + 10 * SECOND)
    acted = [step.key for step in steps if step.mode in ACTING]
    assert [one.key for one in sealed] == acted
    assert [one.reward.terminated for one in sealed] == [False] * (len(acted) - 1) + [True]


def test_nothing_belongs_to_an_episode_before_it_runs():
    chain = Chain(7)
    chain.hear(control(DAWN))
    assert chain.see(frame(DAWN)) is None
    assert not chain.open
    chain.follow(Episode('e', phase=Phase.RESETTING, stamp=DAWN))
    assert not chain.open
    chain.follow(running('e', DAWN + SECOND))
    chain.see(frame(DAWN + SECOND))  # the gate spoke before
    assert chain.frame is None
    chain.hear(control(DAWN + SECOND))
    chain.see(frame(DAWN + SECOND - 1))  # pictures from before
    assert chain.frame is None
    chain.see(first := frame(DAWN + SECOND))
    assert chain.frame is first


def test_a_last_step_does_not_end_in_the_scene_of_the_next_episode():
    chain = Chain(7)
    chain.follow(running('a', DAWN))
    chain.hear(control(DAWN))
    chain.see(frame(DAWN))
    chain.follow(ended('a', DAWN + 50 * MS))
    chain.follow(Episode('b', phase=Phase.RESETTING, stamp=DAWN + 60 * MS))
    assert chain.see(frame(DAWN + 100 * MS)) is None
    assert not chain.open


def test_the_conductor_may_say_it_again():
    chain = Chain(7)
    for _ in range(2):
        chain.follow(running('a', DAWN))
    chain.hear(control(DAWN))
    chain.see(frame(DAWN))
    for stamp in (DAWN + 50 * MS, DAWN + 80 * MS):
        chain.follow(ended('a', stamp))
    chain.hear(control(DAWN + 60 * MS, H))
    step = chain.see(frame(DAWN + 70 * MS))
    assert step is not None
    assert not chain.open
    assert chain.see(frame(DAWN + 170 * MS)) is None


@pytest.mark.parametrize('gap', [LONGEST - 0.01, LONGEST + 0.01, 100.0])
def test_what_was_not_seen_for_long_is_no_step(gap):
    chain = Chain(7)
    chain.follow(running('a', DAWN))
    chain.hear(control(DAWN))
    chain.see(frame(DAWN))
    for n in range(1, int(gap * SECOND / TICK)):
        chain.hear(control(DAWN + n * TICK))
    step = chain.see(end := frame(DAWN + int(gap * SECOND)))
    assert (step is not None) == (gap < LONGEST)
    assert chain.frame is end


@pytest.mark.parametrize(('modes', 'own'), [([P, P], True), ([P, U], False), ([P, H], False)])
def test_a_policy_alone_did_what_it_decided_however_late_the_gate_heard_it(modes, own):
    chain = Chain(7)
    chain.follow(running('a', DAWN))
    chain.hear(control(DAWN))
    chain.see(frame(DAWN))
    chain.decide(np.full(6, 0.5))
    for n, mode in enumerate(modes, 1):
        chain.hear(control(DAWN + n * TICK, mode, np.full(6, 0.1 * n)))
    step = chain.see(frame(DAWN + 100 * MS))
    assert step is not None
    np.testing.assert_allclose(step.twist, 0.5 if own else 0.15)
    chain.hear(control(DAWN + 120 * MS, P, np.full(6, 0.3)))
    step = chain.see(frame(DAWN + 200 * MS))  # nothing new was decided
    assert step is not None
    np.testing.assert_allclose(step.twist, 0.3)


def test_a_view_seen_before_changes_nothing():
    chain = Chain(7)
    chain.follow(running('a', DAWN))
    chain.hear(control(DAWN))
    chain.see(first := frame(DAWN + 5))
    assert chain.see(frame(DAWN + 5)) is None
    assert chain.see(frame(DAWN + 4)) is None
    assert chain.frame is first
