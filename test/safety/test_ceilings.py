"""Limits that no arm needs are refused: a unit was mistaken, or a protection made ineffective."""

import dataclasses
import re

import pytest

from robo_dopamine_ros.safety.limiter import CEILINGS, Limits


def test_every_number_that_protects_has_a_ceiling() -> None:
    numbers = {f.name for f in dataclasses.fields(Limits) if isinstance(f.default, float)}
    assert numbers - {'slow_scale'} == set(CEILINGS)
    assert Limits(**{name: most for name, (most, _) in CEILINGS.items()})  # type: ignore[arg-type]


@pytest.mark.parametrize('name', CEILINGS)
@pytest.mark.parametrize('factor', [1.01, 150.0, 1e9])
def test_what_is_above_its_ceiling_is_refused(name: str, factor: float) -> None:
    most, unit = CEILINGS[name]
    value = factor * most
    words = f'{name} = {value} {unit}; it must be at most {most:g} {unit}'
    with pytest.raises(ValueError, match=f'^{re.escape(words)}$'):
        Limits(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('low', 'high'),
    [
        ((250.0, -350.0, 0.0), (750.0, 350.0, 600.0)),
        ((0.25, -0.35, 0.0), (0.75, 0.35, 600.0)),
        ((-4.0, -0.35, 0.0), (0.75, 0.35, 0.6)),
    ],
)
def test_a_box_in_millimetres_is_refused(low: tuple, high: tuple) -> None:
    with pytest.raises(ValueError, match=r'must lie within 3 m of the base: are these millim'):
        Limits(low=low, high=high)
