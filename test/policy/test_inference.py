"""The newest weights act; what does not fit is refused with its reason, and the old ones go on."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from robo_dopamine_ros.experience.types import ActionScale, ObservationSpec
from robo_dopamine_ros.learning.config import AgentConfig
from robo_dopamine_ros.policy import weights
from robo_dopamine_ros.policy.inference import PolicyInference
from robo_dopamine_ros.policy.networks import Policy
from robo_dopamine_ros.policy.observation import FeatureNormalizer
from robo_dopamine_ros.types import Views

SIZES = ObservationSpec(features=6, state=3)
PARAMETERS = AgentConfig(width=16)
STANDARD = FeatureNormalizer(np.full(6, 0.5, np.float32), np.full(6, 0.1, np.float32))
VIEWS = Views({}, {'front': 5})


def publish(
    path: Path,
    version: int,
    seed: int = 0,
    standard: FeatureNormalizer = STANDARD,
    sizes: ObservationSpec = SIZES,
) -> Policy:
    torch.manual_seed(seed)
    policy = Policy.create(sizes.size, ActionScale().size, PARAMETERS)
    weights.publish_policy(path, policy, standard, ActionScale(), version)
    return policy


def actor(path: Path, explore: bool = False, seed: int = 0) -> PolicyInference:
    return PolicyInference(path, lambda _: np.linspace(0.3, 0.7, 6), SIZES, explore, seed)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'policy.safetensors'


def test_it_acts_as_the_policy_that_was_published(path):
    policy = publish(path, 4)
    ours = actor(path)
    ours.reload()
    frame = ours.observe(VIEWS, np.array([0.1, -0.2, 0.3]))
    command = ours.act(frame, 0.25, 99)
    expected = policy.act(frame.vector, False, torch.Generator())
    np.testing.assert_allclose(ActionScale().encode(command.twist, 0.0), expected.action, atol=1e-6)
    assert (command.stamp, command.gripper, command.policy_version) == (99, 0.25, 4)
    np.testing.assert_array_equal(frame.features, STANDARD.normalize(np.linspace(0.3, 0.7, 6)))


def test_exploration_differs_with_the_seed_alone(path):
    publish(path, 1)
    twists = []
    for seed in (1, 1, 2):
        ours = actor(path, True, seed)
        ours.reload()
        frame = ours.observe(VIEWS, np.zeros(3))
        twists.append(ours.act(frame, 0.0, 0).twist)
    np.testing.assert_array_equal(twists[0], twists[1])
    assert not np.array_equal(twists[0], twists[2])


def test_weights_that_come_later_are_taken_up(path):
    ours = actor(path)
    ours.reload()
    assert ours.version == 0
    assert str(path) in ours.fault
    assert 'no weights: No such file' in ours.fault
    for version in (1, 2, 9):
        publish(path, version, seed=version)
        ours.reload()
        assert (ours.version, ours.fault) == (version, '')


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def publish_other_sizes(path: Path) -> None:
    publish(path, 3, sizes=ObservationSpec(6, 4))


def publish_other_features(path: Path) -> None:
    wide = FeatureNormalizer(np.zeros(7, np.float32), np.ones(7, np.float32))
    publish(path, 3, standard=wide)


def publish_another_scale(path: Path) -> None:
    publish(path, 3, standard=FeatureNormalizer(STANDARD.mean, 2 * STANDARD.std))


@pytest.mark.parametrize(
    ('harm', 'text'),
    [
        (damage, 'damaged'),
        (publish_other_sizes, 'for 6 features in 10 numbers of an observation; here they are 6 an'),
        (publish_other_features, 'for 7 features in 9 numbers'),
        (publish_another_scale, 'features are on another scale'),
        (os.remove, 'no weights: No such file'),
    ],
)
def test_what_does_not_fit_is_refused_and_the_old_ones_go_on(path, harm, text):
    publish(path, 2)
    ours = actor(path)
    ours.reload()
    frame = ours.observe(VIEWS, np.zeros(3))
    before = ours.act(frame, 0.0, 0)
    harm(path)
    ours.reload()
    assert text in ours.fault
    assert str(path) in ours.fault
    np.testing.assert_array_equal(ours.act(frame, 0.0, 0).twist, before.twist)
    assert ours.version == 2
    publish(path, 5)
    ours.reload()
    assert (ours.version, ours.fault) == (5, '')


def test_views_that_give_no_number_are_refused(path):
    publish(path, 1)
    ours = PolicyInference(path, lambda _: np.full(6, np.nan), SIZES, False, 0)
    ours.reload()
    with pytest.raises(ValueError, match='features of the observation at 5 ns .* not finite'):
        ours.observe(VIEWS, np.zeros(3))
