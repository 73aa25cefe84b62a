"""The shipped model: its engines agree, and it distinguishes success from near miss."""

from pathlib import Path

import numpy as np
import pytest

from robo_dopamine_ros.envs.rollouts import record_rollout
from robo_dopamine_ros.grm.compact.loading import load_compact
from robo_dopamine_ros.reward.progress import ProgressTracker
from robo_dopamine_ros.types import TaskContext

FOLDER = Path(__file__).parents[2] / 'models' / 'grm'


@pytest.fixture(scope='module')
def played():
    """Progress of unseen rollouts by style, as (estimated, true)."""
    curves = {}
    for style in ('demonstration', 'near_miss'):
        episode = record_rollout(style, 77, randomize=False)
        views = list(episode.play())
        model, tracker = load_compact(FOLDER), ProgressTracker()
        model.reset(TaskContext(episode.instruction, views[0]))
        readings = [tracker.update(model.step(seen), seen.stamp + 1) for seen in views]
        assert all(reading.valid for reading in readings)
        curves[style] = np.array([reading.progress for reading in readings]), episode.progress
    return curves


@pytest.mark.parametrize('style', ['demonstration', 'near_miss'])
def test_progress_follows_the_truth(played, style):
    estimated, true = played[style]
    assert np.abs(estimated - true).mean() < 0.05


def test_a_near_miss_is_no_success(played):
    assert played['demonstration'][0][-1] > 0.95
    assert played['near_miss'][0].max() < 0.5


def test_both_engines_give_the_same_hops():
    views = list(record_rollout('demonstration', 78, randomize=False).play())[::8]
    told = []
    for engine in ('torch', 'onnx'):
        model = load_compact(FOLDER, engine)
        model.reset(TaskContext('', views[0]))
        told.append([(h.incremental, h.forward, h.backward) for h in map(model.step, views)])
    np.testing.assert_allclose(told[0], told[1], atol=1e-3)
