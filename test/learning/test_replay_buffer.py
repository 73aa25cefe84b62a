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
from hypothesis import given, settings
from hypothesis import strategies as st
from random_logs import (
    SPEC,
    START,
    TIMEOUT,
    Crash,
    RandomLog,
    expected_transitions,
    make_observation,
    make_twist,
    step_number,
)

from robo_dopamine_ros.experience.reader import ExperienceReader
from robo_dopamine_ros.experience.transitions import TransitionConfig
from robo_dopamine_ros.experience.types import ActionScale, GripperCommand, Step, StepId
from robo_dopamine_ros.experience.writer import ExperienceWriter
from robo_dopamine_ros.learning.config import ReplayConfig
from robo_dopamine_ros.learning.replay_buffer import ReplayBuffer
from robo_dopamine_ros.reward.shaping import RewardParameters, discount
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

TICK = SECOND // 10
SCALE = ActionScale(linear=1.0, axes=('x', 'y', 'z'))
TMPFS = '/dev/shm' if os.path.isdir('/dev/shm') else None  # durable enough for tests
REWARD = RewardParameters(gamma=0.9, success=2.0)
TRANSITIONS = TransitionConfig(TIMEOUT, REWARD)


def write_log(log, path, buffer, rng):
    """Write a log; a reader follows at random times."""
    experience, reader = ExperienceWriter.open(path, SPEC, TRANSITIONS), ExperienceReader(path)
    for entry in log.events:
        if isinstance(entry.event, Crash):
            experience._database.close()  # what a killed process has not sealed, it never seals
            experience = ExperienceWriter.open(path, SPEC, TRANSITIONS)
        else:
            experience.record(entry.event, entry.at)
        if rng.random() < 0.2:
            buffer.add(reader.read(int(rng.integers(1, 20))))
    experience.close()
    while buffer.add(reader.read()):
        pass
    reader.close()


def expected(log):
    """Number of the step -> its account, with reward and bound by hand."""
    found, bound = {}, 0.0
    for transition in reversed(expected_transitions(log.events)):
        step = transition.step
        factor = discount((step.end.stamp - step.begin.stamp) / SECOND, REWARD)
        paid = REWARD.success if transition.outcome is Outcome.SUCCESS else 0.0
        reward = paid + factor * transition.next_potential - transition.potential
        if transition.outcome is not Outcome.NONE:
            bound = -transition.next_potential
        bound = reward + factor * bound
        found[step_number(step.twist)] = (transition, reward, factor, bound)
    return dict(reversed(found.items()))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3))
def test_what_is_drawn_belongs_together(seed, episodes, crashes):
    """Random episodes, interventions, rates and faults of readings, lost steps and crashes."""
    rng = np.random.default_rng(seed)
    log = RandomLog(rng, episodes, crashes)
    buffer = ReplayBuffer(SPEC, SCALE)
    with tempfile.TemporaryDirectory(dir=TMPFS) as folder:
        write_log(log, Path(folder) / 'experience.sqlite', buffer, rng)
    truth = expected(log)
    assert len(buffer) == len(truth)
    if not truth:
        return
    batch = buffer.sample(400, rng)
    for i, action in enumerate(batch.actions.numpy()):
        transition, reward, factor, bound = truth[step_number(action)]
        step = transition.step
        assert batch.observations[i].tolist() == step.begin.vector.tolist()
        assert batch.next_observations[i].tolist() == step.end.vector.tolist()
        told = (batch.rewards[i], batch.discounts[i], batch.returns[i])
        assert told == pytest.approx((reward, factor, bound), abs=1e-6)
        assert batch.masks[i] == (not transition.outcome.terminal)
        assert batch.demonstrated[i] == (step.mode is Mode.HUMAN or step.demonstration)


def steps(modes, demonstration=False, first=0):
    """One segment with these modes."""
    frames = [
        make_observation(first + i, START + (first + i) * TICK) for i in range(len(modes) + 1)
    ]
    keys = (StepId('run', 1, first + i) for i in range(len(modes)))
    return [
        Step(
            *(key, f'e{first}', begin, end, mode, make_twist(first + i)),
            *(1.0, 0.0, 0, demonstration),
        )
        for i, (key, mode, (begin, end)) in enumerate(
            zip(keys, modes, pairwise(frames), strict=True)
        )
    ]


def fill(path, told, parameters=None, scale=SCALE):
    """A buffer of these steps."""
    with ExperienceWriter.open(path, SPEC) as experience:
        for step in told:
            experience.record(step, 0)
    buffer = ReplayBuffer(SPEC, scale, parameters)
    buffer.add(ExperienceReader(path).read())
    return buffer


def sampled(buffer, size=4000, seed=0):
    """How often each step was drawn."""
    batch = buffer.sample(size, np.random.default_rng(seed))
    return Counter(step_number(action) for action in batch.actions.numpy()), batch


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'experience.sqlite'


DEMONSTRATED = steps([Mode.HUMAN] * 10, demonstration=True)
ONLINE = steps([Mode.POLICY] * 20 + [Mode.HUMAN] * 5 + [Mode.POLICY] * 5, first=100)


def test_half_is_what_a_person_drove_and_half_what_was_practised(path):
    buffer = fill(path, DEMONSTRATED + ONLINE)
    assert (len(buffer), buffer.demonstrations, buffer.replay) == (40, 15, 30)
    counts, batch = sampled(buffer)
    assert batch.demonstrated[:2000].all()
    human = [*range(10), *range(120, 125)]
    for number in counts:  # five sigma of a binomial around what is uniform
        share = (number in human) / 15 * 0.5 + (number >= 100) / 30 * 0.5
        assert counts[number] / 4000 == pytest.approx(share, abs=5 * (share / 4000) ** 0.5)
    assert len(counts) == 40
    quarter = ReplayBuffer(SPEC, SCALE, ReplayConfig(demonstration_ratio=0.25))
    quarter.add(ExperienceReader(path).read())
    assert sampled(quarter, 100)[1].demonstrated[:25].all()


def test_blur_is_noise_on_features_alone(path):
    plain = sampled(fill(path, DEMONSTRATED + ONLINE))[1]
    blurred = ReplayBuffer(SPEC, SCALE, ReplayConfig(feature_noise=0.1))
    blurred.add(ExperienceReader(path).read())
    batch = sampled(blurred)[1]
    for seen, clear in (
        (batch.observations, plain.observations),
        (batch.next_observations, plain.next_observations),
    ):
        noise = (seen - clear)[:, : SPEC.features]
        assert noise.mean() == pytest.approx(0.0, abs=0.005)
        assert noise.std() == pytest.approx(0.1, abs=0.005)
        assert torch.equal(seen[:, SPEC.features :], clear[:, SPEC.features :])
    assert torch.equal(batch.actions, plain.actions)
    with pytest.raises(ValueError, match='feature_noise = nan'):
        ReplayConfig(feature_noise=math.nan)


@pytest.mark.parametrize('told', [DEMONSTRATED, ONLINE[:20]])
def test_while_one_kind_is_empty_the_other_fills_the_batch(path, told):
    counts, batch = sampled(fill(path, told))
    assert len(batch) == 4000
    assert sorted(counts) == [step_number(step.twist) for step in told]


def test_an_observation_is_features_then_state():
    seen = make_observation(2345, 0).vector
    assert (seen.tolist(), seen.dtype) == ([345, 2, 7, 2345, -2345], np.float32)


def test_draws_follow_the_generator(path):
    buffer = fill(path, DEMONSTRATED + ONLINE)
    one, same, other = (sampled(buffer, 50, seed)[1] for seed in (1, 1, 2))
    assert torch.equal(one.actions, same.actions)
    assert not torch.equal(one.actions, other.actions)


def test_the_gripper_is_a_number_or_a_command(path):
    closing = [replace(step, gripper=0.0, gripper_before=1.0) for step in DEMONSTRATED[:5]]
    told = closing + [replace(step, gripper=0.0, gripper_before=0.0) for step in DEMONSTRATED[5:]]
    scale = replace(SCALE, gripper=True)
    _, batch = sampled(fill(path, told, scale=scale))
    assert batch.actions.shape == (4000, 4)
    assert (batch.actions[:, 3] == -1).all()
    assert batch.gripper is None
    buffer = ReplayBuffer(SPEC, SCALE, ReplayConfig(gripper_commands=True))
    buffer.add(ExperienceReader(path).read())
    _, batch = sampled(buffer)
    first = np.array([step_number(action) < 5 for action in batch.actions.numpy()])
    assert (
        batch.gripper.numpy() == np.where(first, GripperCommand.CLOSE, GripperCommand.KEEP)
    ).all()
    assert (batch.gripper_toggles.numpy() == first).all()


def test_an_open_segment_is_bounded_by_gaining_nothing_more(path):
    """Until it is known how it ends; then the bounds of all its steps are set."""
    buffer = ReplayBuffer(SPEC, SCALE)
    with ExperienceWriter.open(path, SPEC) as experience:
        reader = ExperienceReader(path)
        for step in steps([Mode.POLICY] * 4):
            experience.record(step, 0)
            experience.record(Progress(step.end.stamp, 'e0', progress=0.5, valid=True), 0)
            buffer.add(reader.read())
        assert len(buffer) == 3
        assert (sampled(buffer)[1].returns == -0.5).all()
        end = START + 4 * TICK
        word = Episode('e0', phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=end)
        experience.record(word, 0)
    buffer.add(reader.read())
    counts, batch = sampled(buffer)
    bounds = {0.98**left - 0.5 for left in range(4)}
    assert sorted(set(batch.returns.tolist())) == pytest.approx(sorted(bounds))
    assert len(counts) == 4


def test_features_may_be_of_single_precision(path):
    sizes = replace(SPEC, precision='float32')
    with ExperienceWriter.open(path, sizes) as experience:
        for step in steps([Mode.POLICY] * 2):
            made = [
                replace(shown, features=shown.features.astype(np.float32) + np.float32(1e-6))
                for shown in (step.begin, step.end)
            ]
            experience.record(replace(step, begin=made[0], end=made[1]), 0)
    buffer = ReplayBuffer(sizes, SCALE)
    buffer.add(ExperienceReader(path).read())
    assert sampled(buffer)[1].observations[0, 0] != 0.0


def test_nothing_can_be_drawn_of_nothing():
    with pytest.raises(ValueError, match='there are no transitions to draw from'):
        ReplayBuffer(SPEC, SCALE).sample(1, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r'demonstration_ratio = 1\.5; it must be within 0\.\.1'):
        ReplayConfig(demonstration_ratio=1.5)
