import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.cli.console import StatusConsole, progress_line, reading_rate
from robo_dopamine_ros.cli.episode_report import (
    discounted_return,
    episode_metrics,
    headline_metrics,
)
from robo_dopamine_ros.data.episode_curves import (
    READING_FIELDS,
    REWARD_FIELDS,
    EpisodeCurves,
    ProgressCurve,
)
from robo_dopamine_ros.types import SECOND, Progress, Reward


def curves(count=41, **changes):
    time = np.arange(count) * 0.1
    ramp = np.linspace(0, 1, count)
    fields = {
        'title': 'made', 'instruction': '', 'model': 'm', 'duration': 4.0, 'time': time,
        'readings': dict.fromkeys(READING_FIELDS, ramp), 'valid': np.ones(count, bool),
        'success_candidate': time > 3.55,
        'reward_time': time, 'rewards': dict.fromkeys(REWARD_FIELDS, ramp),
        'truth': ProgressCurve(np.array([0.0, 4.0]), np.array([0.1, 1.1])), 'outcome': 'success',
    }  # fmt: skip
    return EpisodeCurves(**(fields | changes))


def test_metrics_of_an_episode():
    summary = episode_metrics(curves())
    assert summary['rate_hz'] == pytest.approx(10.0)
    assert summary['voc']['progress'] == pytest.approx(1.0)
    assert summary['mae']['forward'] == pytest.approx(0.1)
    assert summary['correlation'] == pytest.approx(1.0)
    assert summary['success_proposed_s'] == pytest.approx(3.6)
    assert summary['latency_s']['p50'] == pytest.approx(0.5)
    assert headline_metrics(summary)['readings'] == '10.0 Hz'


def test_invalid_readings_do_not_count():
    valid = np.arange(41) % 2 == 0
    broken = np.where(valid, np.linspace(0, 1, 41), 0.9)
    summary = episode_metrics(curves(valid=valid, readings=dict.fromkeys(READING_FIELDS, broken)))
    assert (summary['readings'], summary['without_reading']) == (21, 20)
    assert summary['rate_hz'] == pytest.approx(5.0)
    assert summary['mae']['progress'] == pytest.approx(0.1)


def test_unknown_metrics_are_none():
    no_goal = dict.fromkeys(READING_FIELDS, np.linspace(0, 1, 41)) | {
        'backward': np.full(41, np.nan)
    }
    summary = episode_metrics(curves(readings=no_goal))
    assert summary['voc']['backward'] is None
    assert summary['mae']['backward'] is None
    assert episode_metrics(curves(truth=None))['mae'] is None
    nothing = np.zeros(0)
    empty = episode_metrics(
        curves(time=nothing, readings=dict.fromkeys(READING_FIELDS, nothing),
               valid=nothing.astype(bool), success_candidate=nothing.astype(bool),
               reward_time=nothing, rewards=dict.fromkeys(REWARD_FIELDS, nothing))
    )  # fmt: skip
    assert empty['rate_hz'] is None
    assert empty['final_progress'] is None
    assert 'VOC' not in headline_metrics(empty)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.5, 1)), min_size=1, max_size=20))
def test_shaping_telescopes_in_the_return(steps):
    potentials, discounts = (np.array(column) for column in zip(*steps, strict=True))
    before = np.concatenate([[0.3], potentials[:-1]])
    shaping = discounts * potentials - before
    expected = np.prod(discounts) * potentials[-1] - 0.3
    assert discounted_return(shaping, discounts) == pytest.approx(expected, abs=1e-9)


def reading(i, **changes):
    fields = {'stamp': i * SECOND // 10, 'progress': 0.5, 'valid': True, 'latency': 0.02}
    return Progress(**(fields | changes))


def test_the_rate_is_that_of_valid_readings():
    assert reading_rate([reading(i) for i in range(30)]) == pytest.approx(10.0)
    assert reading_rate([reading(i, valid=i % 2 == 0) for i in range(31)]) == pytest.approx(5.0)
    assert reading_rate([reading(0)]) == 0.0


def test_the_line_tells_what_matters(capsys):
    screen = StatusConsole()
    rewards = [Reward(stamp=1, previous_stamp=0, reward=0.25)]
    told = progress_line(screen, '1.0 s', [reading(i) for i in range(30)], rewards)
    for part in ('1.0 s', '50 %', 'reward +0.250', '10.0 Hz', '20 ms', 'b   -'):
        assert part in told
    lost = progress_line(screen, '1.0 s', [reading(1, valid=False, reason='front is late')], [])
    assert 'no reading: front is late' in lost
    assert 'success?' in progress_line(screen, '', [reading(1, success_candidate=True)], [])
    assert 'waiting' in progress_line(screen, '', [], [])
