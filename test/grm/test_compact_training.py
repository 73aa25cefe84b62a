"""Training of the compact GRM on a toy task that takes a second."""

import json

import numpy as np
import pytest
import torch

from robo_dopamine_ros.grm.compact import augment, negatives
from robo_dopamine_ros.grm.compact.adaptation import adapt
from robo_dopamine_ros.grm.compact.config import CompactShape, CompactTrainConfig
from robo_dopamine_ros.grm.compact.dataset import Demonstration, decode_recording, sample_frames
from robo_dopamine_ros.grm.compact.loading import load_compact
from robo_dopamine_ros.grm.compact.network import CompactNetwork
from robo_dopamine_ros.grm.compact.training import soft_labels, train
from robo_dopamine_ros.grm.compact.validation import held_out_frames
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.types import Recording, TaskContext, Views

pytestmark = pytest.mark.usefixtures('one_thread')
QUICK = CompactTrainConfig(steps=150, frames=7, broken=2, strength=0.3, drop=0.0, average=0.9)
LENGTH = 60
TINY = CompactShape(views=1, width=64, height=32, token=32, state=64)


def frame(share: float) -> np.ndarray:
    """A bright square that moves across a dark background."""
    image = np.full((120, 160, 3), 40, np.uint8)
    left = round(10 + 110 * share)
    image[45:75, left : left + 30] = (230, 120, 40)
    return image


def play(size=None, stride=1, start=0, stop=None):
    for step in range(LENGTH)[start:stop:stride]:
        yield Views({'front': frame(step / (LENGTH - 1))}, {'front': step})


def toy(**changes) -> Recording:
    facts = {
        'name': 'toy', 'rate': 10.0, 'length': LENGTH, 'views': ('front',), 'play': play,
        'span': (0, LENGTH - 1), 'progress': np.linspace(0, 1, LENGTH), 'instruction': 'push',
    }  # fmt: skip
    return Recording(**{**facts, **changes})


@pytest.fixture(scope='module')
def adapted(tmp_path_factory):
    folder, told = tmp_path_factory.mktemp('model') / 'toy', []
    result = adapt(
        [toy()], folder, QUICK, shape=TINY, report=lambda share, what: told.append(share)
    )
    return folder, result, told


def test_one_demonstration_is_enough_to_learn_the_task(adapted):
    folder, result, told = adapted
    assert result.check.frames == 5
    assert result.check.mae < 0.2
    notes = json.loads((folder / 'model.json').read_text())['notes']['self_check']
    assert notes['steps'] == result.steps == QUICK.steps
    model = load_compact(folder)
    assert model.name == 'toy'
    assert model.views == ('front',)
    model.reset(TaskContext('push', next(play())))
    forward = [model.step(views).forward for views in play()]
    assert np.corrcoef(forward, np.linspace(0, 1, LENGTH))[0, 1] > 0.95
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_the_same_seed_gives_the_same_model(adapted, tmp_path):
    few = CompactTrainConfig(**{**vars(QUICK), 'steps': 3})
    for name in ('one', 'two'):
        adapt([toy()], tmp_path / name, few, seed=5, shape=TINY)
    weights = [(tmp_path / name / 'weights.safetensors').read_bytes() for name in ('one', 'two')]
    assert weights[0] == weights[1]


def test_a_base_must_see_the_same_views(adapted, tmp_path):
    with pytest.raises(ModelError, match='front'):
        adapt(
            [toy(views=('side',), play=lambda **_: iter(()))],
            tmp_path / 'x',
            QUICK,
            base=adapted[0],
        )


def test_training_starts_from_the_base(adapted, tmp_path):
    few = CompactTrainConfig(**{**vars(QUICK), 'steps': 2, 'rate': 1e-6})
    result = adapt([toy()], tmp_path / 'tuned', few, base=adapted[0])
    assert result.check.voc > 0.6


@pytest.mark.parametrize(
    ('recording', 'message'),
    [
        (toy(views=('front',)), 'left_wrist'),
        (toy(play=lambda **_: iter([next(play())] * 3)), '3 frames'),
    ],
)
def test_unusable_recordings_are_refused(recording, message):
    views = ('front', 'left_wrist') if 'wrist' in message else ('front',)
    with pytest.raises(ValueError, match=message):
        decode_recording(recording, views)


def test_without_annotation_progress_is_linear_in_time():
    demonstration = decode_recording(toy(progress=None), ('front',))
    np.testing.assert_allclose(demonstration.progress, np.linspace(0, 1, LENGTH))


def test_training_ends_in_time(tmp_path):
    ticks = iter(range(0, 10_000, 10))
    shares = []
    endless = CompactTrainConfig(**{**vars(QUICK), 'steps': 10**9, 'seconds': 25.0})
    demonstration = decode_recording(toy(), ('front',))
    train(CompactNetwork(TINY), [demonstration], endless, 0,
          lambda share, _: shares.append(share), lambda: next(ticks))  # fmt: skip
    assert shares == pytest.approx([0.4, 0.8, 1.0])


def test_sampled_frames_begin_at_the_start_and_stay_in_range():
    demonstration = decode_recording(toy(), ('front',))
    rng = np.random.default_rng(0)
    for _ in range(200):
        chosen = sample_frames(demonstration, 11, rng)
        assert chosen.shape == (11,)
        assert chosen[0] == 0
        assert 0 <= chosen.min() <= chosen.max() < LENGTH


def test_held_out_frames_are_few_and_never_the_goal():
    demonstration = Demonstration(
        torch.zeros(1200, 1, 3, 1, 1), np.linspace(0, 1, 1200), 30.0, True, np.arange(1200)
    )
    held = held_out_frames(demonstration)
    assert 0.08 < held.mean() < 0.12
    assert not held[-1]


def test_histogram_labels_keep_their_mean():
    scale = torch.linspace(-0.1, 1.1, 49)
    progress = torch.linspace(0, 1, 11)
    labels = soft_labels(progress, scale, 0.04)
    assert torch.allclose(labels.sum(1), torch.ones(11), atol=1e-5)
    assert torch.allclose((labels * scale).sum(1), progress, atol=0.004)


def test_augmentation_of_zero_strength_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    still = augment.EPISODE_STRENGTH.scaled(0.0)
    pictures = torch.rand(2, 3, 32, 64, generator=generator)
    maps, bends = augment.draw_warp(2, still, generator)
    warped = augment.warp(pictures, maps, bends, (32, 64))
    assert torch.allclose(warped, pictures, atol=1e-5)
    tinted = augment.colour(pictures, augment.draw_colour(2, still, generator))
    assert torch.allclose(tinted, pictures, atol=1e-3)


@pytest.mark.parametrize('family', negatives.CORRUPTIONS)
@pytest.mark.parametrize('views', [1, 3])
def test_every_corruption_changes_every_view(family, views):
    generator = torch.Generator().manual_seed(0)
    sets = torch.rand(2, views, 3, 12, 16, generator=generator)
    sets = torch.nn.functional.interpolate(sets.flatten(0, 1), (96, 128)).view(2, views, 3, 96, 128)
    broken = family(sets, generator)
    assert broken.shape == sets.shape
    assert ((broken - sets).abs().mean((2, 3, 4)) > 0.02).all()
