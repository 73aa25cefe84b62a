"""Rollouts of every style are what they say, again and again."""

import numpy as np
import pytest

from robo_dopamine_ros.sim import truth
from robo_dopamine_ros.sim.plans import STYLES
from robo_dopamine_ros.sim.rollouts import Studio, recording
from robo_dopamine_ros.sim.variation import Looks
from robo_dopamine_ros.types import SECOND, VIEWS, Outcome

GRADES = {
    'demonstration': truth.SUCCESS,
    'recovery': truth.SUCCESS,
    'partial': truth.PARTIAL,
    'near_miss': truth.FAILURE,
    'failure': truth.FAILURE,
}


@pytest.mark.parametrize('style', STYLES)
def test_a_style_gives_its_grade_and_the_rule_agrees(studio: Studio, style: str) -> None:
    for seed in range(6):
        rollout = studio.rollout(style, seed)
        assert rollout.grade == GRADES[style], f'seed {seed}'
        assert truth.ruling(rollout.progress) == rollout.grade, f'seed {seed}'
        assert rollout.progress[0] == 0.0
        assert 25 <= len(rollout.progress) <= 200
        assert rollout.contact.max() < 200


def test_the_same_seed_gives_the_same_pictures(studio: Studio) -> None:
    one, other = (studio.rollout('partial', 5, Looks()) for _ in range(2))
    for view in VIEWS:
        assert (one.images[view] == other.images[view]).all()
    assert (one.progress == other.progress).all()
    different = studio.rollout('partial', 6, Looks())
    assert not np.array_equal(one.progress, different.progress)


def test_pictures_show_something(studio: Studio) -> None:
    images = studio.rollout('demonstration', 1).images
    for view in VIEWS:
        assert images[view].shape[1:] == (48, 64, 3)
        assert images[view].dtype == np.uint8
        assert images[view][0].std() > 15
        change = np.abs(images[view][0].astype(int) - images[view][-1].astype(int)).mean()
        assert change > 3, 'the view does not change while the arm moves'


def test_a_near_miss_ends_close_to_the_hole(studio: Studio) -> None:
    for seed in range(6):
        tip = studio.rollout('near_miss', seed).offsets[-1]
        assert 0.010 < np.hypot(*tip[:2]) < 0.04
        assert tip[2] < 0.02


def test_a_recording_plays(studio: Studio) -> None:
    rollout = studio.rollout('failure', 2)
    episode = recording(rollout, 'one')
    assert episode.length == len(rollout.progress)
    assert (episode.outcome, episode.grade) == (Outcome.FAILURE, truth.FAILURE)
    played = list(episode.play(size=(32, 24), stride=5, start=10, stop=31))
    assert [views.stamp for views in played] == [s * SECOND // 10 for s in (10, 15, 20, 25, 30)]
    assert played[0].images['front'].shape == (24, 32, 3)
    assert played[0].skew == 0.0
    whole = next(iter(episode.play()))
    assert (whole.images['front'] == rollout.images['front'][0]).all()


def test_an_episode_drawn_anew_is_the_same(studio: Studio) -> None:
    kept = recording(studio.rollout('failure', 3, Looks()), 'kept')
    anew = studio.recording('failure', 3, Looks())
    assert anew.name == 'failure_3'
    assert anew.grade == kept.grade
    assert anew.progress is not None
    assert (anew.progress == kept.progress).all()
    for one, other in zip(kept.play(stride=10), anew.play(stride=10), strict=True):
        assert (one.images['left_wrist'] == other.images['left_wrist']).all()


def test_an_unknown_style_is_named(studio: Studio) -> None:
    with pytest.raises(ValueError, match="style = 'happy'; it must be one of demonstration"):
        studio.rollout('happy', 0)
