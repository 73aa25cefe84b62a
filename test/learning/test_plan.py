"""A plan is what was meant, or it is refused by name; kept and read it is the same."""

import math
from dataclasses import replace

import pytest

from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.plan import default_plan, read_plan, write_plan

PLAN = default_plan('calql')


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('seed', -1),
        ('rollouts', -1),
        ('interventions', -1),
        ('demonstrations', 0),
        ('gamma', 1.0),
        ('gamma', math.nan),
        ('clearance', 0.0),
        ('clearance', math.nan),
    ],
)
def test_what_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f'{name} = {value}'):
        replace(PLAN, **{name: value})


@pytest.mark.parametrize('algorithm', ['calql', 'conrft', 'sac'])
def test_a_plan_that_was_kept_is_read_as_it_was(tmp_path, algorithm):
    plan = replace(default_plan(algorithm), sees=('front',), seed=3)
    write_plan(plan, tmp_path)
    assert read_plan(tmp_path) == plan


def test_a_damaged_plan_is_no_plan(tmp_path):
    write_plan(PLAN, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text().replace('"rollouts": 120', '"rollouts": -120'))
    with pytest.raises(CheckpointError, match='rollouts = -120'):
        read_plan(tmp_path)
