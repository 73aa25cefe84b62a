"""Rollouts of every style have its grade and are reproducible."""

import numpy as np
import pytest

from robo_dopamine_ros.envs.rollouts import RolloutRecorder, recording
from robo_dopamine_ros.envs.waypoint_plans import STYLES
from robo_dopamine_ros.reward.metrics import OutcomeRule
from robo_dopamine_ros.sim import ground_truth
from robo_dopamine_ros.sim.domain_randomization import VisualRandomization
from robo_dopamine_ros.types import SECOND, VIEWS, Outcome

GRADES = {
    'demonstration': ground_truth.SUCCESS,
    'recovery': ground_truth.SUCCESS,
    'partial': ground_truth.PARTIAL,
    'near_miss': ground_truth.FAILURE,
    'failure': ground_truth.FAILURE,
}


@pytest.mark.parametrize('style', STYLES)
def test_a_style_gives_its_grade_and_the_rule_agrees(recorder: RolloutRecorder, style: str) -> None:
    for seed in range(6):
        rollout = recorder.rollout(style, seed)
        assert rollout.grade == GRADES[style], f'seed {seed}'
        assert OutcomeRule()(rollout.progress) == rollout.grade, f'seed {seed}'
        assert rollout.progress[0] == 0.0
        assert 25 <= len(rollout.progress) <= 200
        assert rollout.contact_force.max() < 200


def test_the_same_seed_gives_the_same_pictures(recorder: RolloutRecorder) -> None:
    one, other = (recorder.rollout('partial', 5, VisualRandomization()) for _ in range(2))
    for view in VIEWS:
        assert (one.images[view] == other.images[view]).all()
    assert (one.progress == other.progress).all()
    different = recorder.rollout('partial', 6, VisualRandomization())
    assert not np.array_equal(one.progress, different.progress)


def test_pictures_show_something(recorder: RolloutRecorder) -> None:
    images = recorder.rollout('demonstration', 1).images
    for view in VIEWS:
        assert images[view].shape[1:] == (48, 64, 3)
        assert images[view].dtype == np.uint8
        assert images[view][0].std() > 15
        change = np.abs(images[view][0].astype(int) - images[view][-1].astype(int)).mean()
        assert change > 3, 'the view does not change while the arm moves'


def test_a_near_miss_ends_close_to_the_hole(recorder: RolloutRecorder) -> None:
    for seed in range(6):
        tip = recorder.rollout('near_miss', seed).tip_positions[-1]
        assert 0.010 < np.hypot(*tip[:2]) < 0.04
        assert tip[2] < 0.02


def test_a_recording_plays(recorder: RolloutRecorder) -> None:
    rollout = recorder.rollout('failure', 2)
    episode = recording(rollout, 'one')
    assert episode.length == len(rollout.progress)
    assert (episode.outcome, episode.grade) == (Outcome.FAILURE, ground_truth.FAILURE)
    played = list(episode.play(size=(32, 24), stride=5, start=10, stop=31))
    assert [views.stamp for views in played] == [s * SECOND // 10 for s in (10, 15, 20, 25, 30)]
    assert played[0].images['front'].shape == (24, 32, 3)
    assert played[0].skew == 0.0
    whole = next(iter(episode.play()))
    assert (whole.images['front'] == rollout.images['front'][0]).all()


def test_an_episode_rendered_again_is_equal(recorder: RolloutRecorder) -> None:
    stored = recording(recorder.rollout('failure', 3, VisualRandomization()), 'stored')
    rendered = recorder.recording('failure', 3, VisualRandomization())
    assert rendered.name == 'failure_3'
    assert rendered.grade == stored.grade
    assert rendered.progress is not None
    assert (rendered.progress == stored.progress).all()
    for one, other in zip(stored.play(stride=10), rendered.play(stride=10), strict=True):
        assert (one.images['left_wrist'] == other.images['left_wrist']).all()


def test_an_unknown_style_is_named(recorder: RolloutRecorder) -> None:
    with pytest.raises(ValueError, match="style = 'happy'; it must be one of demonstration"):
        recorder.rollout('happy', 0)
