"""TrainConfig refuses invalid values by name, and is read as it was written."""

import math
from dataclasses import replace

import pytest

from robo_dopamine_ros.checkpoint import CheckpointError
from robo_dopamine_ros.training.config import (
    default_train_config,
    read_train_config,
    write_train_config,
)

CONFIG = default_train_config('calql')


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
def test_an_invalid_value_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f'{name} = {value}'):
        replace(CONFIG, **{name: value})


@pytest.mark.parametrize('algorithm', ['calql', 'conrft', 'sac'])
def test_a_config_is_read_as_it_was_written(tmp_path, algorithm):
    config = replace(default_train_config(algorithm), policy_views=('front',), seed=3)
    write_train_config(config, tmp_path)
    assert read_train_config(tmp_path) == config


def test_a_damaged_config_is_refused(tmp_path):
    write_train_config(CONFIG, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text().replace('"rollouts": 120', '"rollouts": -120'))
    with pytest.raises(CheckpointError, match='rollouts = -120'):
        read_train_config(tmp_path)


def test_a_config_of_an_earlier_version_is_refused_by_its_keys(tmp_path):
    write_train_config(CONFIG, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text().replace('"policy_views"', '"sees"'))
    with pytest.raises(CheckpointError, match='earlier version: sees is policy_views now'):
        read_train_config(tmp_path)
