import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.data.playback import Playback


def shown(playback, times):
    """Indices shown when asked at the given times."""
    indices = []
    for time in times:
        index = playback.due(time)
        if index is not None and (not indices or index > indices[-1]):
            indices.append(index)
            playback.decode_next()
    return indices


def test_every_frame_is_shown_when_asked_in_time(recording):
    playback = Playback(recording(length=6, rate=10.0))
    assert shown(playback, [i / 10 for i in range(9)]) == [0, 1, 2, 3, 4, 5]
    assert playback.skipped == 0
    assert playback.finished


def test_jitter_skips_nothing(recording):
    playback = Playback(recording(length=6, rate=10.0))
    late, early = 0.049, -0.049
    times = [0.0, 0.1 + late, 0.2 + early, 0.3 + late, 0.4 + early, 0.5]
    assert shown(playback, times) == [0, 1, 2, 3, 4, 5]


def test_overdue_frames_are_skipped_but_never_the_last(recording):
    playback = Playback(recording(length=6, rate=10.0))
    assert shown(playback, [0.0, 0.31, 9.0]) == [0, 3, 5]
    assert playback.skipped == 3


def test_nothing_is_shown_early(recording):
    playback = Playback(recording(length=6, rate=10.0), speed=2.0)
    assert shown(playback, [-0.1, 0.0, 0.01, 0.024, 0.026, 0.06]) == [0, 1]


@given(st.lists(st.floats(0, 2), max_size=30), st.floats(0.2, 5))
def test_the_frame_shown_is_the_newest_that_is_due(recording, gaps, speed):
    playback, now = Playback(recording(length=12, rate=10.0), speed), 0.0
    for gap in gaps:
        now += gap
        index = playback.due(now)
        if index is not None:
            assert index == min(11, int(now * 10.0 * speed + 0.5))
            playback.decode_next()


@pytest.mark.parametrize('speed', [0.0, -1.0, float('nan'), 1000.0])
def test_invalid_speeds_are_refused(recording, speed):
    with pytest.raises(ValueError, match='speed ='):
        Playback(recording(), speed)
