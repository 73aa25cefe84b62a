"""Names of earlier releases are refused, and the new one is given."""

import argparse
import importlib

import pytest

from robo_dopamine_ros.ros import environment

environment.activate()

from robo_dopamine_ros.cli import main as cli  # noqa: E402 (need the environment)
from robo_dopamine_ros.nodes.cell import cell_processes  # noqa: E402
from robo_dopamine_ros.nodes.cell_config import (  # noqa: E402
    NODES,
    ConfigurationError,
    parameters_class,
)
from robo_dopamine_ros.ros import retired  # noqa: E402
from robo_dopamine_ros.ros.params import flatten  # noqa: E402

KEYS = {key for node in NODES for key in flatten(parameters_class(node))}
PARTS = {
    '.'.join(key.split('.')[start:end])
    for key in KEYS
    for end in range(1, key.count('.') + 2)
    for start in range(end)
}


@pytest.mark.parametrize('old', retired.PARAMETERS)
def test_a_retired_parameter_is_gone_and_the_new_one_exists(old: str) -> None:
    assert old not in KEYS
    assert not [key for key in KEYS if retired.new_parameter(key, KEYS)]
    assert retired.new_parameter(old, PARTS)


@pytest.mark.parametrize(
    ('override', 'text'),
    [
        (
            'gate.limits.turning=1',
            'gate.limits.turning: no such parameter; it is now limits.angular_speed',
        ),
        (
            'gate.driver.joint_stream.chain.motion.lead=1',
            'it is now driver.position_controller.kinematics.ik.max_tracking_error',
        ),
        ('gate.driver.arm=joint_stream', "it is now 'position_controller'"),
        ('conductor.episodes.auto=true', "no node 'conductor'; it is now episode_manager"),
        ('cell.nodes=[sim,conductor]', "no node 'conductor'; it is now episode_manager"),
    ],
)
def test_a_cell_refuses_them(override: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        cell_processes('sim', overrides=[override])


@pytest.mark.parametrize(('old', 'new'), retired.VERBS.items())
def test_the_command_line_refuses_a_verb(
    old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new in cli.VERBS
    assert cli.main([old, '--namespace', 'left']) == 2
    assert capsys.readouterr().err == f'robo-dopamine: the verb {old} is now {new}\n'


@pytest.mark.parametrize(
    ('verb', 'old', 'new'),
    [(verb, *pair) for verb, pairs in retired.OPTIONS.items() for pair in pairs.items()],
)
def test_the_command_line_refuses_an_option(
    verb: str, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    importlib.import_module(f'robo_dopamine_ros.cli.{verb}').add_arguments(parser)
    assert new in parser.format_help()
    assert cli.main([verb, f'{old}=x']) == 2
    assert capsys.readouterr().err == f'robo-dopamine: {verb}: {old} is now {new}\n'
