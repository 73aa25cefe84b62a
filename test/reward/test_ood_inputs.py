"""Corruptions for evaluation: reproducible, of unchanged shape, and far from the input."""

import numpy as np
import pytest

from robo_dopamine_ros.reward.ood_inputs import OOD_CORRUPTIONS, sensor_noise
from robo_dopamine_ros.types import VIEWS, Views


@pytest.fixture
def views():
    y, x = np.mgrid[:48, :64]
    image = np.stack([4 * x, 5 * y, (x * y) % 256], axis=-1).astype(np.uint8)
    return Views({name: image.copy() for name in VIEWS}, dict.fromkeys(VIEWS, 7))


@pytest.mark.parametrize('family', OOD_CORRUPTIONS)
def test_every_corruption_changes_every_view_reproducibly(family, views):
    before = {name: image.copy() for name, image in views.images.items()}
    broken = OOD_CORRUPTIONS[family](views, np.random.default_rng(3))
    again = OOD_CORRUPTIONS[family](views, np.random.default_rng(3))
    assert broken.stamps == views.stamps
    for name, image in broken.images.items():
        assert (image.shape, image.dtype) == ((48, 64, 3), np.uint8)
        assert np.abs(image.astype(int) - before[name]).mean() > 20
        assert (image == again.images[name]).all()
        assert (views.images[name] == before[name]).all()


def test_flips_and_inversion_by_hand(views):
    rng = np.random.default_rng(0)
    image = views.images['front']
    assert (OOD_CORRUPTIONS['vertical_flip'](views, rng).images['front'][0] == image[-1]).all()
    assert (
        OOD_CORRUPTIONS['horizontal_flip'](views, rng).images['front'][:, 0] == image[:, -1]
    ).all()
    assert (OOD_CORRUPTIONS['colour_inversion'](views, rng).images['front'] == 255 - image).all()


def test_sensor_noise_is_mild(views):
    noisy = sensor_noise(views, 2.0, np.random.default_rng(0))
    inner = (views.images['front'] > 10) & (views.images['front'] < 245)
    difference = noisy.images['front'].astype(float) - views.images['front']
    assert difference[inner].std() == pytest.approx(2.0, rel=0.1)
    assert (sensor_noise(views, 0.0, np.random.default_rng(0)).images['front'][inner]).any()
