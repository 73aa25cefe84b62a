"""Steps of a builder: command, mode, begin and end."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.experience.transitions import TransitionBuilder, TransitionConfig
from robo_dopamine_ros.experience.types import ACTING_MODES, ActionScale, Observation, Step
from robo_dopamine_ros.policy.loop import MAX_STEP_DURATION, StepBuilder, step_mode
from robo_dopamine_ros.types import SECOND, ArmCommand, Control, Episode, Mode, Outcome, Phase, Pose

MS = SECOND // 1000
START = 1_700_000_000 * SECOND  # [ns]
STILL = Pose(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))
TICK = 20 * MS  # of the gate
REST = np.zeros(6)


def make_observation(stamp: int) -> Observation:
    return Observation(stamp, np.zeros(2, np.float16), np.zeros(1, np.float32))


def control(
    stamp: int, mode: Mode = Mode.POLICY, requested: np.ndarray = REST, version: int = 3
) -> Control:
    sent = ArmCommand(stamp, gripper=stamp % 7 / 7, policy_version=version)
    return Control(stamp, mode, False, '', '', sent, STILL, requested)


def running(name: str, stamp: int) -> Episode:
    return Episode(name, phase=Phase.RUNNING, stamp=stamp)


def ended(name: str, stamp: int) -> Episode:
    return Episode(name, phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=stamp)


@dataclass
class Robot:
    """A gate with random requests, and a policy with random observation times."""

    rng: np.random.Generator
    builder: StepBuilder = field(default_factory=lambda: StepBuilder(7))
    now: int = START
    mode: Mode = Mode.POLICY
    twist: np.ndarray = field(default_factory=lambda: np.zeros(6))
    controls: list[Control] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    begun: list[tuple[Observation, Control]] = field(
        default_factory=list
    )  # where steps begin and end

    def gate(self) -> None:
        """One tick, sooner or later; now and then another mode."""
        self.now += int(self.rng.integers(1, 40)) * MS
        if self.rng.random() < 0.1:
            self.mode = Mode(self.rng.choice([0, 1, 1, 1, 2, 3, 3, 4]))
            self.twist = self.rng.normal(0, 0.3, 6)
        self.controls.append(control(self.now, self.mode, self.twist))
        self.builder.on_control(self.controls[-1])

    def observe(self, age: int) -> None:
        seen = make_observation(self.now - age)
        if step := self.builder.on_observation(seen):
            self.steps.append(step)

    def run_episode(self, name: str, observations: int) -> None:
        self.builder.on_episode(running(name, self.now))
        for _ in range(observations):
            for _ in range(self.rng.integers(3, 8)):
                self.gate()
            self.observe(int(self.rng.integers(0, 80)) * MS)
            if self.rng.random() < 0.05:  # blind for a while
                for _ in range(self.rng.integers(20, 80)):
                    self.gate()
        end = ended(name, self.now - int(self.rng.integers(0, 40)) * MS)
        self.builder.on_episode(end)
        for _ in range(self.rng.integers(0, 6)):
            for _ in range(5):
                self.gate()
            self.observe(40 * MS)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_steps_of_any_practice_hang_together(seed):
    robot = Robot(np.random.default_rng(seed))
    for number in range(3):
        robot.run_episode(f'e{number}', 12)
    steps = robot.steps
    assert [step.id.sequence for step in steps] == list(range(len(steps)))
    assert {step.id.epoch for step in steps} <= {7}
    for one, two in pairwise(steps):
        if one.end.stamp == two.begin.stamp:
            assert one.end is two.begin
            assert one.episode == two.episode
        assert two.begin.stamp >= one.end.stamp
    for step in steps:
        assert 0 < step.end.stamp - step.begin.stamp <= MAX_STEP_DURATION * SECOND


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_was_requested_adds_up(seed):
    """For random ticks, observations and modes."""
    robot = Robot(np.random.default_rng(seed))
    robot.gate()
    robot.builder.on_episode(running('e', robot.now))
    robot.observe(0)
    newest = [robot.controls[-1]]  # at each look
    for _ in range(20):
        for _ in range(robot.rng.integers(0, 9)):
            robot.gate()
        robot.now += MS  # observations differ even where the gate stood still
        robot.observe(0)
        newest.append(robot.controls[-1])
    way = np.zeros(6)
    for step, (first, last) in zip(robot.steps, pairwise(newest), strict=True):
        way += step.twist * (last.stamp - first.stamp) / SECOND
        assert (step.gripper_before, step.gripper) == (first.sent.gripper, last.sent.gripper)
    requested = [b.requested * (b.stamp - a.stamp) / SECOND for a, b in pairwise(robot.controls)]
    np.testing.assert_allclose(way, np.sum(requested, axis=0), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_an_action_is_found_again(seed):
    """For any timing of observations between the ticks."""
    rng, scale = np.random.default_rng(seed), ActionScale()
    robot = Robot(rng)
    robot.gate()
    robot.builder.on_episode(running('e', robot.now))
    robot.observe(0)
    for _ in range(10):
        action = rng.uniform(-1, 1, 4)
        twist, _ = scale.decode(action, 0.0)
        ticks = int(rng.integers(3, 9))
        for _ in range(ticks):
            robot.now += TICK
            robot.builder.on_control(control(robot.now, requested=twist))
        robot.observe(int(rng.integers(0, 60)) * MS)
        np.testing.assert_allclose(scale.encode(robot.steps[-1].twist, 0.0), action, atol=1e-5)


def chained(*ticks: Control, word: int | None = None, seen: int = 100) -> Step:
    """The step of an episode that runs since START, seen then and `seen` [ms] later."""
    builder = StepBuilder(7)
    builder.on_episode(running('e', START))
    builder.on_control(control(START, Mode.HOLD))
    assert builder.on_observation(make_observation(START)) is None
    for tick in ticks:
        builder.on_control(tick)
    if word is not None:
        builder.on_episode(ended('e', START + word * MS))
    step = builder.on_observation(make_observation(START + seen * MS))
    assert step is not None
    return step


def ticks_of(*modes: Mode) -> list[Control]:
    return [control(START + (1 + n) * TICK, mode) for n, mode in enumerate(modes)]


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
    assert step.mode is step_mode(modes) is expected
    assert step.policy_version == (3 if expected is P else 0)


def test_ticks_of_the_gate_after_the_word_do_not_count():
    step = chained(*ticks_of(P, P, H, H), word=50)
    assert step.mode is P
    assert chained(*ticks_of(P, P, H, H), word=70).mode is H
    assert chained(*ticks_of(P, P, H, H), word=10).mode is H


@pytest.mark.parametrize('late', [1, 60, 140, 250])
def test_an_episode_ends_on_the_first_frame_at_or_after_the_word(late):
    builder = StepBuilder(7)
    builder.on_episode(running('e', START))
    word, steps = START + 500 * MS, []
    for n in range(50):
        builder.on_control(control(START + n * TICK, P if n <= 25 else H))
        if n == 25:
            builder.on_episode(ended('e', word))
            assert not builder.running
            assert builder.needs_observation
        if n % 5 == 0 and n * TICK >= late * MS:
            step = builder.on_observation(make_observation(START + n * TICK - late * MS))
            steps += [step] if step else []
    assert not builder.needs_observation
    assert steps[-2].end.stamp < word <= steps[-1].end.stamp
    assert {step.mode for step in steps if step.begin.stamp + late * MS < word} == {P}
    assert {step.mode for step in steps if step.begin.stamp + late * MS >= word} <= {H}


def test_the_outcome_reaches_the_last_step_that_somebody_acted_in():
    builder, transitions = StepBuilder(7), TransitionBuilder(TransitionConfig(timeout=0.5))
    builder.on_episode(running('e', START))
    word, built, steps = ended('e', START + 510 * MS), [], []
    for n in range(60):
        now = START + n * TICK
        builder.on_control(control(now, P if now <= word.stamp else H))
        if n == 26:
            builder.on_episode(word)
            built += transitions.update(word, now)
        if n % 5 == 0 and (step := builder.on_observation(make_observation(now - 60 * MS))):
            steps.append(step)
            built += transitions.update(step, now)
    built += transitions.update(None, START + 10 * SECOND)
    acted = [step.id for step in steps if step.mode in ACTING_MODES]
    assert [one.step_id for one in built] == acted
    assert [one.reward.terminated for one in built] == [False] * (len(acted) - 1) + [True]


def test_nothing_belongs_to_an_episode_before_it_runs():
    builder = StepBuilder(7)
    builder.on_control(control(START))
    assert builder.on_observation(make_observation(START)) is None
    assert not builder.needs_observation
    builder.on_episode(Episode('e', phase=Phase.RESETTING, stamp=START))
    assert not builder.needs_observation
    builder.on_episode(running('e', START + SECOND))
    builder.on_observation(make_observation(START + SECOND))  # the gate spoke before
    assert builder.observation is None
    builder.on_control(control(START + SECOND))
    builder.on_observation(make_observation(START + SECOND - 1))  # pictures from before
    assert builder.observation is None
    builder.on_observation(first := make_observation(START + SECOND))
    assert builder.observation is first


def test_a_last_step_does_not_end_in_the_scene_of_the_next_episode():
    builder = StepBuilder(7)
    builder.on_episode(running('a', START))
    builder.on_control(control(START))
    builder.on_observation(make_observation(START))
    builder.on_episode(ended('a', START + 50 * MS))
    builder.on_episode(Episode('b', phase=Phase.RESETTING, stamp=START + 60 * MS))
    assert builder.on_observation(make_observation(START + 100 * MS)) is None
    assert not builder.needs_observation


def test_the_episode_manager_may_say_it_again():
    builder = StepBuilder(7)
    for _ in range(2):
        builder.on_episode(running('a', START))
    builder.on_control(control(START))
    builder.on_observation(make_observation(START))
    for stamp in (START + 50 * MS, START + 80 * MS):
        builder.on_episode(ended('a', stamp))
    builder.on_control(control(START + 60 * MS, H))
    step = builder.on_observation(make_observation(START + 70 * MS))
    assert step is not None
    assert not builder.needs_observation
    assert builder.on_observation(make_observation(START + 170 * MS)) is None


@pytest.mark.parametrize('gap', [MAX_STEP_DURATION - 0.01, MAX_STEP_DURATION + 0.01, 100.0])
def test_what_was_not_seen_for_long_is_no_step(gap):
    builder = StepBuilder(7)
    builder.on_episode(running('a', START))
    builder.on_control(control(START))
    builder.on_observation(make_observation(START))
    for n in range(1, int(gap * SECOND / TICK)):
        builder.on_control(control(START + n * TICK))
    step = builder.on_observation(end := make_observation(START + int(gap * SECOND)))
    assert (step is not None) == (gap < MAX_STEP_DURATION)
    assert builder.observation is end


@pytest.mark.parametrize(('modes', 'own'), [([P, P], True), ([P, U], False), ([P, H], False)])
def test_a_policy_alone_did_what_it_decided_however_late_the_gate_heard_it(modes, own):
    builder = StepBuilder(7)
    builder.on_episode(running('a', START))
    builder.on_control(control(START))
    builder.on_observation(make_observation(START))
    builder.on_policy_twist(np.full(6, 0.5))
    for n, mode in enumerate(modes, 1):
        builder.on_control(control(START + n * TICK, mode, np.full(6, 0.1 * n)))
    step = builder.on_observation(make_observation(START + 100 * MS))
    assert step is not None
    np.testing.assert_allclose(step.twist, 0.5 if own else 0.15)
    builder.on_control(control(START + 120 * MS, P, np.full(6, 0.3)))
    step = builder.on_observation(make_observation(START + 200 * MS))  # nothing new was decided
    assert step is not None
    np.testing.assert_allclose(step.twist, 0.3)


def test_a_view_seen_before_changes_nothing():
    builder = StepBuilder(7)
    builder.on_episode(running('a', START))
    builder.on_control(control(START))
    builder.on_observation(first := make_observation(START + 5))
    assert builder.on_observation(make_observation(START + 5)) is None
    assert builder.on_observation(make_observation(START + 4)) is None
    assert builder.observation is first


@pytest.mark.parametrize('back', [2 * SECOND, 3600 * SECOND])
def test_a_clock_that_is_set_back_costs_one_episode_at_most(back: int) -> None:
    builder, made = StepBuilder(7), []

    def act(begin: int, count: int) -> None:
        for stamp in range(begin, begin + count * 100 * MS, 100 * MS):
            for tick in range(5):
                builder.on_control(control(stamp + tick * TICK))
            made.append(builder.on_observation(make_observation(stamp + 90 * MS)))

    builder.on_episode(running('a', START))
    act(START, 5)
    act(START - back, 5)
    builder.on_episode(ended('a', START - back + SECOND))
    after = START - back + 2 * SECOND
    builder.on_episode(running('b', after))
    del made[:]
    act(after, 5)
    steps = [step for step in made if step is not None]
    assert len(steps) == 4
    assert {step.mode for step in steps} == {Mode.POLICY}
    assert all(step.begin.stamp < step.end.stamp for step in steps)
