"""Invalid limits are refused, by name and value."""

import dataclasses
import math

import pytest

from robo_dopamine_ros.safety.limiter import Limits

POSITIVE = [
    field.name
    for field in dataclasses.fields(Limits)
    if isinstance(field.default, float)
    and field.name not in ('force', 'torque', 'future_tolerance', 'slow_scale')
]


@pytest.mark.parametrize('name', POSITIVE)
@pytest.mark.parametrize('value', [0.0, -1.0, math.nan, math.inf])
def test_what_must_be_above_zero(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f'^{name} = {value}; it must be above 0$'):
        Limits(**{name: value})


@pytest.mark.parametrize('name', ['force', 'torque', 'future_tolerance'])
@pytest.mark.parametrize('value', [-1.0, math.nan, math.inf])
def test_what_may_be_zero(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f'^{name} = {value}; it must be 0 or more$'):
        Limits(**{name: value})


@pytest.mark.parametrize(
    ('low', 'high', 'words'),
    [
        ((0.2, -0.3), (0.7, 0.3), 'each must be x, y, z'),
        ((0.2, 0.3, 0.0), (0.7, 0.3, 0.5), 'y from 0.3 to 0.3 m; low must be below high'),
        ((0.2, math.nan, 0.0), (0.7, 0.3, 0.5), 'y from nan to 0.3 m; low must be below high'),
        ((-math.inf, 0.0, 0.0), (0.7, 0.3, 0.5), 'x from -inf to 0.7 m; low must be below high'),
    ],
)
def test_a_box_has_two_corners(low: tuple, high: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Limits(low=low, high=high)
