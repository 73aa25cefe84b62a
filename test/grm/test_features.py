"""Policy features: channel centroids from one encoder pass, equal in all engines."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from robo_dopamine_ros.grm.compact.features import CachedEngine, open_with_features
from robo_dopamine_ros.grm.compact.model import EncodedViews
from robo_dopamine_ros.grm.compact.network import centroids
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

FOLDER = Path(__file__).parents[2] / 'models' / 'grm'


def views(seed: int) -> Views:
    rng = np.random.default_rng(seed)
    images = {view: rng.integers(0, 255, (48, 64, 3), np.uint8) for view in VIEWS}
    return Views(images, dict.fromkeys(VIEWS, seed))


class Counting:
    """An engine that counts its passes."""

    def __init__(self):
        self.passes = 0

    def encode(self, images, present):
        self.passes += 1
        return EncodedViews(np.zeros((1, 2)), 0.5, 1.0, np.full(3, self.passes))

    def compare(self, before, after):
        return np.zeros(len(before))


@pytest.mark.parametrize(('row', 'column'), [(0, 0), (5, 3), (11, 15)])
def test_the_centroid_of_one_bright_cell_is_its_position(row, column):
    maps = torch.zeros(1, 2, 12, 16)
    maps[0, 0, row, column] = 3.0
    y, none, x, _ = centroids(maps)[0].tolist()
    assert y == pytest.approx(2 * row / 11 - 1, abs=1e-3)
    assert x == pytest.approx(2 * column / 15 - 1, abs=1e-3)
    assert none == 0.0


def test_equal_inputs_cost_one_pass():
    engine = Counting()
    encoder = CachedEngine(engine)
    seen, present = np.zeros((3, 3, 4, 4), np.float32), np.ones(3, np.float32)
    assert encoder.encode(seen, present) is encoder.encode(seen.copy(), present.copy())
    assert engine.passes == 1
    encoder.encode(seen + 0.1, present)
    encoder.encode(seen + 0.1, 1 - present)
    assert engine.passes == 3


def test_both_engines_give_the_same_features_and_progress_as_before():
    told = [
        open_with_features(FOLDER, engine=engine)[1].encode(views(1))
        for engine in ('torch', 'onnx')
    ]
    assert told[0].shape == (384,)
    np.testing.assert_allclose(told[0], told[1], atol=1e-4)


def test_a_missing_view_has_features_of_zero():
    _, encoder = open_with_features(FOLDER)
    whole = views(2)
    front = Views({'front': whole.images['front']}, {'front': 2})
    told, all_ = encoder.encode(front), encoder.encode(whole)
    np.testing.assert_allclose(told[:128], all_[:128], atol=1e-5)
    assert not told[128:].any()


def test_features_are_those_of_the_chosen_views():
    _, encoder = open_with_features(FOLDER)
    _, wrists = open_with_features(FOLDER, ('right_wrist', 'left_wrist'))
    all_ = encoder.encode(views(2)).reshape(3, -1)
    np.testing.assert_array_equal(wrists.encode(views(2)), np.concatenate((all_[2], all_[1])))
    with pytest.raises(ModelError, match='no view top; it has front'):
        open_with_features(FOLDER, ('front', 'top'))


def test_reward_model_and_feature_encoder_share_one_pass():
    grm, encoder = open_with_features(FOLDER)
    grm.reset(TaskContext('', views(3)))
    assert np.isfinite(grm.step(views(4)).forward)
    assert encoder.encode(views(4)).any()


def test_a_model_without_graphs_is_refused(tmp_path):
    shutil.copytree(FOLDER, tmp_path / 'model')
    (tmp_path / 'model' / 'see.onnx').unlink()
    with pytest.raises(ModelError, match=r'see.onnx is missing'):
        open_with_features(tmp_path / 'model', engine='onnx')
