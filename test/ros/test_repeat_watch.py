"""A camera whose picture repeats under new stamps is named, and one that is alive is not."""

import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from robo_dopamine_ros.ros.cameras import CameraStats
from robo_dopamine_ros.ros.diagnostics import CameraMonitor, Level
from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.ros.repeat_watch import MIN_REPEATS, RepeatWatch
from robo_dopamine_ros.types import SECOND

PERIOD = SECOND // 10
SCENE = np.random.default_rng(3).integers(0, 200, (48, 64, 3), np.uint8)


def picture(noise: int = 0) -> Image:
    """The scene with the noise of a sensor; noise 0 is always the same."""
    grain = np.random.default_rng(noise).integers(0, 3, SCENE.shape, np.uint8)
    return image_to_msg(SCENE + (grain if noise else 0), 0)


def watched(pictures: list[Any], frozen_time: float = 5.0, period: int = PERIOD) -> dict[str, str]:
    watch = RepeatWatch(frozen_time)
    found: dict[str, str] = {}
    for number, message in enumerate(pictures, start=1):
        found = watch.update({'front': message}, {'front': number * period})
    return found


def test_the_same_picture_under_new_stamps_is_named() -> None:
    assert watched([picture()] * 50) == {}
    assert watched([picture()] * 51) == {
        'front': 'the same picture for 5.0 s under 51 stamps; '
        'start the camera anew if the scene or the light changed meanwhile'
    }


def test_a_file_that_repeats_is_named_too() -> None:
    file = CompressedImage(format='jpeg', data=array.array('B', range(100)))
    assert set(watched([file] * 60)) == {'front'}


def test_the_noise_of_a_sensor_is_life() -> None:
    assert watched([picture(noise) for noise in range(1, 80)]) == {}


def test_one_changed_byte_is_life() -> None:
    for at in (0, 4321, SCENE.size - 1):
        changed = picture()
        changed.data[at] += 1
        assert watched([picture()] * 59 + [changed]) == {}


def test_a_camera_that_goes_on_is_no_longer_named() -> None:
    watch = RepeatWatch(1.0)
    for number in range(1, 30):
        found = watch.update({'front': picture()}, {'front': number * PERIOD})
    assert set(found) == {'front'}
    assert watch.update({'front': picture(1)}, {'front': 30 * PERIOD}) == {}


def test_one_picture_given_several_times_is_no_repetition() -> None:
    watch = RepeatWatch(1.0)
    for _ in range(99):
        assert watch.update({'front': picture()}, {'front': 1}) == {}


def test_a_clock_that_goes_back_starts_anew() -> None:
    watch = RepeatWatch(1.0)
    watch.update({'front': picture()}, {'front': 100 * SECOND})
    for number in range(1, 11):
        assert watch.update({'front': picture()}, {'front': number * PERIOD}) == {}


@given(st.integers(0, 20), st.integers(1, 30), st.floats(0.0, 2.0), st.integers(1, 300))
def test_named_from_the_time_and_number_on(
    alive: int, repeated: int, frozen_time: float, milliseconds: int
) -> None:
    """Counted from the last picture that differed, and never with a time of 0."""
    period = milliseconds * SECOND // 1000
    pictures = [picture(noise) for noise in range(1, alive + 1)] + [picture()] * repeated
    lasted = (repeated - 1) * period / SECOND
    frozen = 0 < frozen_time <= lasted and repeated > MIN_REPEATS
    assert bool(watched(pictures, frozen_time, period)) == frozen


@pytest.mark.parametrize(('absent', 'level'), [(False, Level.WARN), (True, Level.ERROR)])
def test_diagnostics_name_a_frozen_camera(absent: bool, level: Level) -> None:
    reason = {'front': 'the same picture for 5.0 s under 51 stamps'}
    stats = CameraStats(frozen=reason, absent=reason if absent else {})
    front, wrist = CameraMonitor().update(('front', 'wrist'), stats)
    assert (front.level, front.message) == (level, reason['front'])
    assert (wrist.level, wrist.message) == (Level.OK, 'ok')
