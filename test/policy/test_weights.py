"""Published weights: act as the agent that gave them, or are refused with the reason."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros import checkpoint
from robo_dopamine_ros.checkpoint import CheckpointError
from robo_dopamine_ros.experience.types import ActionScale
from robo_dopamine_ros.learning.agent import Agent
from robo_dopamine_ros.learning.config import AgentConfig
from robo_dopamine_ros.policy import weights
from robo_dopamine_ros.policy.config import ALGORITHMS
from robo_dopamine_ros.policy.observation import FeatureNormalizer

FEATURES, STATE, SCALE = 6, 3, ActionScale(linear=0.07, axes=('x', 'yaw'), gripper=True)
STANDARD = FeatureNormalizer(
    np.arange(FEATURES, dtype=np.float32), np.full(FEATURES, 0.5, np.float32)
)


def an_agent(algorithm='calql', seed=0):
    parameters = AgentConfig(algorithm, width=8, gripper=True)
    return Agent(FEATURES + STATE, SCALE.size, parameters, seed)


def publish(path, agent, version=1, standard=STANDARD):
    weights.publish_policy(path, agent.policy, standard, SCALE, version, 12)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'policy.safetensors'


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_what_is_published_acts_as_the_agent_does(path, algorithm):
    agent = an_agent(algorithm, seed=3)
    publish(path, agent, version=7)
    told = weights.load_policy(path)
    assert (told.version, told.updates, told.action_scale) == (7, 12, SCALE)
    np.testing.assert_array_equal(told.normalizer.mean, STANDARD.mean)
    np.testing.assert_array_equal(told.normalizer.std, STANDARD.std)
    seen = np.linspace(-1, 1, FEATURES + STATE, dtype=np.float32)
    for explore in (False, True):
        ours, theirs = (
            one.act(seen, explore, torch.Generator().manual_seed(5)) for one in (agent, told.policy)
        )
        np.testing.assert_array_equal(ours.action, theirs.action)
        assert ours.gripper == theirs.gripper


def test_the_newest_replaces_the_one_before_and_leaves_nothing_else(path):
    for version in (1, 2):
        publish(path, an_agent(seed=version), version)
    assert weights.load_policy(path).version == 2
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_version_is_a_positive_number(path):
    with pytest.raises(ValueError, match='version = 0; it must be 1 or more'):
        publish(path, an_agent(), version=0)


def test_no_file_is_said_so(path):
    with pytest.raises(CheckpointError, match=r'policy\.safetensors: cannot be read'):
        weights.load_policy(path)


@settings(deadline=None, max_examples=40)
@given(where=st.floats(0, 1, exclude_max=True), cut=st.booleans(), bit=st.integers(0, 7))
def test_anything_damaged_is_refused(tmp_path_factory, where, cut, bit):
    path = tmp_path_factory.mktemp('weights') / 'policy.safetensors'
    publish(path, an_agent())
    data = bytearray(path.read_bytes())
    place = int(where * len(data))
    if cut:
        del data[place:]
    else:
        data[place] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r'policy\.safetensors'):
        weights.load_policy(path)


def test_a_checkpoint_of_an_agent_is_no_published_weights(path):
    agent = an_agent()
    checkpoint.save(path, agent.state_dict(), dataclasses.asdict(agent.config))
    with pytest.raises(CheckpointError, match="no published weights: KeyError: 'version'"):
        weights.load_policy(path)


def rewritten(path, change):
    """Write the file again, undamaged, with something else in it."""
    kept = checkpoint.load(path)
    change(kept)
    checkpoint.save(path, kept.tensors, kept.configuration, kept.metadata)


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (lambda kept: kept.configuration['policy'].update(width=9), 'do not fit'),
        (lambda kept: kept.configuration['policy'].update(taste=1), "argument 'taste'"),
        (lambda kept: kept.configuration['policy'].update(width=-1), 'width = -1'),
        (lambda kept: kept.configuration['action_scale'].update(linear=0), 'linear = 0'),
        (lambda kept: kept.configuration['action_scale'].update(gripper=False), 'do not fit'),
        (lambda kept: kept.tensors.pop('normalizer.mean'), r"'normalizer\.mean'"),
        (lambda kept: kept.tensors.pop('policy.actor.mean.weight'), 'is missing'),
        (
            lambda kept: kept.tensors.update({'normalizer.mean': torch.zeros(5)}),
            r'a normalizer of shapes \(5,\) and \(6,\)',
        ),
        (
            lambda kept: kept.tensors['policy.actor.mean.bias'].fill_(torch.nan),
            r'policy\.actor\.mean\.bias holds numbers that are not finite',
        ),
    ],
)
def test_what_does_not_fit_is_named(path, change, told):
    publish(path, an_agent())
    rewritten(path, change)
    with pytest.raises(CheckpointError, match=told):
        weights.load_policy(path)


def test_a_standard_of_more_numbers_than_are_seen_is_refused(path):
    wide = FeatureNormalizer(np.zeros(20, np.float32), np.ones(20, np.float32))
    publish(path, an_agent(), standard=wide)
    with pytest.raises(CheckpointError, match='observations of 9 numbers'):
        weights.load_policy(path)


def test_parameters_read_back_as_they_were():
    parameters = AgentConfig('conrft', width=8)
    assert AgentConfig.from_dict(dataclasses.asdict(parameters)) == parameters
    assert ActionScale.from_dict({**dataclasses.asdict(SCALE), 'axes': list(SCALE.axes)}) == SCALE
