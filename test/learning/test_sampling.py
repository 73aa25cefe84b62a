"""What is drawn from experience belongs together, whatever happened while it was recorded."""

import math
import os
import tempfile
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from days import DAWN, PATIENCE, SIZES, Crash, Day, account, frame, step_number, twist
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.learning.experience import Experience
from robo_dopamine_ros.learning.gripper import Command
from robo_dopamine_ros.learning.sampling import Memory, SamplingParameters
from robo_dopamine_ros.learning.sealing import SealingParameters
from robo_dopamine_ros.learning.steps import Key, Scale, Step
from robo_dopamine_ros.learning.tail import Tail
from robo_dopamine_ros.reward.shaping import RewardParameters, discount
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

TICK = SECOND // 10
SCALE = Scale(linear=1.0, axes=('x', 'y', 'z'))
MEMORY = '/dev/shm' if os.path.isdir('/dev/shm') else None  # durable enough for tests
REWARD = RewardParameters(gamma=0.9, success=2.0)
PARAMETERS = SealingParameters(PATIENCE, REWARD)


def live(day, path, memory, rng):
    """Go through a day; a reader in another place follows as it pleases."""
    experience, tail = Experience(path, SIZES, PARAMETERS), Tail(path)
    for told in day.told:
        if isinstance(told.event, Crash):
            experience._store.close()  # what a killed process has not sealed, it never seals
            experience = Experience(path, SIZES, PARAMETERS)
        else:
            experience.record(told.event, told.at)
        if rng.random() < 0.2:
            memory.add(tail.read(int(rng.integers(1, 20))))
    experience.close()
    while memory.add(tail.read()):
        pass
    tail.close()


def expected(day):
    """Number of the step -> its account, with reward and bound by hand."""
    found, bound = {}, 0.0
    for worth in reversed(account(day.told)):
        step = worth.step
        factor = discount((step.end.stamp - step.begin.stamp) / SECOND, REWARD)
        paid = REWARD.success if worth.outcome is Outcome.SUCCESS else 0.0
        reward = paid + factor * worth.next_potential - worth.potential
        if worth.outcome is not Outcome.NONE:
            bound = -worth.next_potential
        bound = reward + factor * bound
        found[step_number(step.twist)] = (worth, reward, factor, bound)
    return dict(reversed(found.items()))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3))
def test_what_is_drawn_belongs_together(seed, episodes, crashes):
    """Random episodes, interventions, rates and faults of readings, lost steps and crashes."""
    rng = np.random.default_rng(seed)
    day = Day(rng, episodes, crashes)
    memory = Memory(SIZES, SCALE)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        live(day, Path(folder) / 'experience.sqlite', memory, rng)
    truth = expected(day)
    assert len(memory) == len(truth)
    if not truth:
        return
    batch = memory.sample(400, rng)
    for i, action in enumerate(batch.actions.numpy()):
        worth, reward, factor, bound = truth[step_number(action)]
        step = worth.step
        assert batch.observations[i].tolist() == step.begin.observation.tolist()
        assert batch.next_observations[i].tolist() == step.end.observation.tolist()
        told = (batch.rewards[i], batch.discounts[i], batch.returns[i])
        assert told == pytest.approx((reward, factor, bound), abs=1e-6)
        assert batch.masks[i] == (not worth.outcome.terminal)
        assert batch.demonstrated[i] == (step.mode is Mode.HUMAN or step.demonstration)


def steps(modes, demonstration=False, first=0):
    """One segment with these modes."""
    frames = [frame(first + i, DAWN + (first + i) * TICK) for i in range(len(modes) + 1)]
    keys = (Key('run', 1, first + i) for i in range(len(modes)))
    return [
        Step(*(key, f'e{first}', begin, end, mode, twist(first + i)), *(1.0, 0.0, 0, demonstration))
        for i, (key, mode, (begin, end)) in enumerate(
            zip(keys, modes, pairwise(frames), strict=True)
        )
    ]


def remembered(path, told, parameters=None, scale=SCALE):
    """A memory of these steps."""
    with Experience(path, SIZES) as experience:
        for step in told:
            experience.record(step, 0)
    memory = Memory(SIZES, scale, parameters)
    memory.add(Tail(path).read())
    return memory


def drawn(memory, size=4000, seed=0):
    """How often each step was drawn."""
    batch = memory.sample(size, np.random.default_rng(seed))
    return Counter(step_number(action) for action in batch.actions.numpy()), batch


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'experience.sqlite'


SHOWN = steps([Mode.HUMAN] * 10, demonstration=True)
PRACTICE = steps([Mode.POLICY] * 20 + [Mode.HUMAN] * 5 + [Mode.POLICY] * 5, first=100)


def test_half_is_what_a_person_drove_and_half_what_was_practised(path):
    memory = remembered(path, SHOWN + PRACTICE)
    assert (len(memory), memory.demonstrations, memory.replay) == (40, 15, 30)
    counts, batch = drawn(memory)
    assert batch.demonstrated[:2000].all()
    human = [*range(10), *range(120, 125)]
    for number in counts:  # five sigma of a binomial around what is uniform
        share = (number in human) / 15 * 0.5 + (number >= 100) / 30 * 0.5
        assert counts[number] / 4000 == pytest.approx(share, abs=5 * (share / 4000) ** 0.5)
    assert len(counts) == 40
    quarter = Memory(SIZES, SCALE, SamplingParameters(demonstrations=0.25))
    quarter.add(Tail(path).read())
    assert drawn(quarter, 100)[1].demonstrated[:25].all()


def test_blur_is_noise_on_features_alone(path):
    plain = drawn(remembered(path, SHOWN + PRACTICE))[1]
    blurred = Memory(SIZES, SCALE, SamplingParameters(blur=0.1))
    blurred.add(Tail(path).read())
    batch = drawn(blurred)[1]
    for seen, clear in (
        (batch.observations, plain.observations),
        (batch.next_observations, plain.next_observations),
    ):
        noise = (seen - clear)[:, : SIZES.features]
        assert noise.mean() == pytest.approx(0.0, abs=0.005)
        assert noise.std() == pytest.approx(0.1, abs=0.005)
        assert torch.equal(seen[:, SIZES.features :], clear[:, SIZES.features :])
    assert torch.equal(batch.actions, plain.actions)
    with pytest.raises(ValueError, match='blur = nan'):
        SamplingParameters(blur=math.nan)


@pytest.mark.parametrize('told', [SHOWN, PRACTICE[:20]])
def test_while_one_kind_is_empty_the_other_fills_the_batch(path, told):
    counts, batch = drawn(remembered(path, told))
    assert len(batch) == 4000
    assert sorted(counts) == [step_number(step.twist) for step in told]


def test_an_observation_is_features_then_state():
    seen = frame(2345, 0).observation
    assert (seen.tolist(), seen.dtype) == ([345, 2, 7, 2345, -2345], np.float32)


def test_draws_follow_the_generator(path):
    memory = remembered(path, SHOWN + PRACTICE)
    one, same, other = (drawn(memory, 50, seed)[1] for seed in (1, 1, 2))
    assert torch.equal(one.actions, same.actions)
    assert not torch.equal(one.actions, other.actions)


def test_the_gripper_is_a_number_or_a_command(path):
    closing = [replace(step, gripper=0.0, gripper_before=1.0) for step in SHOWN[:5]]
    told = closing + [replace(step, gripper=0.0, gripper_before=0.0) for step in SHOWN[5:]]
    scale = replace(SCALE, gripper=True)
    _, batch = drawn(remembered(path, told, scale=scale))
    assert batch.actions.shape == (4000, 4)
    assert (batch.actions[:, 3] == -1).all()
    assert batch.gripper is None
    memory = Memory(SIZES, SCALE, SamplingParameters(commands=True))
    memory.add(Tail(path).read())
    _, batch = drawn(memory)
    first = np.array([step_number(action) < 5 for action in batch.actions.numpy()])
    assert (batch.gripper.numpy() == np.where(first, Command.CLOSE, Command.KEEP)).all()
    assert (batch.flips.numpy() == first).all()


def test_an_open_segment_is_bounded_by_gaining_nothing_more(path):
    """Until it is known how it ends; then the bounds of all its steps are set."""
    memory = Memory(SIZES, SCALE)
    with Experience(path, SIZES) as experience:
        tail = Tail(path)
        for step in steps([Mode.POLICY] * 4):
            experience.record(step, 0)
            experience.record(Progress(step.end.stamp, 'e0', progress=0.5, valid=True), 0)
            memory.add(tail.read())
        assert len(memory) == 3
        assert (drawn(memory)[1].returns == -0.5).all()
        end = DAWN + 4 * TICK
        word = Episode('e0', phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=end)
        experience.record(word, 0)
    memory.add(tail.read())
    counts, batch = drawn(memory)
    bounds = {0.98**left - 0.5 for left in range(4)}
    assert sorted(set(batch.returns.tolist())) == pytest.approx(sorted(bounds))
    assert len(counts) == 4


def test_features_may_be_of_single_precision(path):
    sizes = replace(SIZES, precision='float32')
    with Experience(path, sizes) as experience:
        for step in steps([Mode.POLICY] * 2):
            made = [
                replace(shown, features=shown.features.astype(np.float32) + np.float32(1e-6))
                for shown in (step.begin, step.end)
            ]
            experience.record(replace(step, begin=made[0], end=made[1]), 0)
    memory = Memory(sizes, SCALE)
    memory.add(Tail(path).read())
    assert drawn(memory)[1].observations[0, 0] != 0.0


def test_nothing_can_be_drawn_of_nothing():
    with pytest.raises(ValueError, match='there are no transitions to draw from'):
        Memory(SIZES, SCALE).sample(1, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r'demonstrations = 1\.5; it must be within 0\.\.1'):
        SamplingParameters(demonstrations=1.5)
