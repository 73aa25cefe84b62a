"""Frames, origins, poses and runs of a cell, checked across its nodes before anything starts."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_run import CONFIG, make_run

from robo_dopamine_ros.ros import environment

environment.activate()

from robo_dopamine_ros.nodes import cell  # noqa: E402 (need the environment)
from robo_dopamine_ros.nodes.cell_config import ConfigurationError  # noqa: E402

ROOT = Path(__file__).parents[2]
ARM_NODES = ['gate', 'teleop', 'reward', 'episode_manager']
LEARNING = [*ARM_NODES, 'policy', 'recorder', 'learner']
MODEL = f'reward.model={ROOT / "models" / "grm"}'
PIPER = ['policy.base_frame=base_link', 'policy.origin=[0.3,0.0,0.1]',
         'recorder.origin=[0.3,0.0,0.1]']  # fmt: skip

UR_BOX = ['gate.limits.low=[0.0,-0.6,0.0]', 'gate.limits.high=[0.4,0.1,0.4]']


def of(*nodes: str) -> str:
    return f'cell.nodes=[{",".join(nodes)}]'


def run_of(folder: Path, **config: object) -> Path:
    plan = replace(CONFIG, reward_model_dir=str(ROOT / 'models' / 'grm'), **config)
    return make_run(folder, plan).path


@pytest.fixture(scope='module')
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp('runs') / 'simulated')


@pytest.fixture(scope='module')
def arms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a piper, as `train --rollouts 0 --cell piper` says where it belongs."""
    from robo_dopamine_ros.nodes.run_workplace import read_cell_workplace

    place = read_cell_workplace(cell.find_config('piper'))
    place = replace(place, origin=(0.3, 0.0, 0.1), tip_offset=0.045)
    return run_of(tmp_path_factory.mktemp('runs') / 'arm', workplace=place)


WRONG = {
    'policy in another frame': (
        'piper', LEARNING, [],
        "policy.base_frame = 'base', gate.driver.base_frame = 'base_link'; they must be the same",
    ),
    'policy without recorder': (
        'piper', [*ARM_NODES, 'policy'], PIPER[:2],
        'policy needs the node recorder, which the cell does not have: it acts only while its',
    ),
    'episodes without recorder': (
        'ur', ARM_NODES, ['episode_manager.episodes.require_recorder=true'],
        r'episode_manager.episodes.require_recorder needs the node recorder, .* no episode would',
    ),
    'home outside the box': (
        'ur', ARM_NODES, ['episode_manager.resets.strategy=motion'],
        r'resets.home.position = \[0.45, 0.0, 0.35\] m; its x, y lies outside the box of the gate',
    ),
    'origin outside the box': (
        'piper', LEARNING, PIPER[:1],
        r'policy.origin = \[0.5, 0.0, 0.08\] m; its x lies outside the box',
    ),
    'two origins': (
        'piper', LEARNING, [*PIPER[:2], 'recorder.origin=[0.2,0.0,0.1]'],
        r'recorder.origin = \(0.2, 0.0, 0.1\), policy.origin = \(0.3, 0.0, 0.1\); they must be',
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', WRONG)
def test_what_nodes_would_refuse_of_one_another_is_refused_before(name: str, tmp_path) -> None:
    config, nodes, overrides, said = WRONG[name]
    runs = [f'{n}.run={tmp_path}' for n in ('policy', 'recorder', 'learner') if n in nodes]
    with pytest.raises(ConfigurationError, match=said):
        cell.cell_processes(config, overrides=[of(*nodes), *overrides, *runs])


def test_a_simulated_arm_in_another_frame_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sim.base_frame = 'world', gate.driver.base_fr"):
        cell.cell_processes('sim', overrides=['sim.base_frame=world'])
    with pytest.raises(ConfigurationError, match="sim.tool_frame = 'flange', gate.driver.tool_fr"):
        cell.cell_processes('sim', overrides=['sim.tool_frame=flange'])


def test_a_recorder_may_be_started_elsewhere(simulated: Path) -> None:
    assert cell.cell_processes('learn', run=simulated, without=['recorder'])
    assert cell.cell_processes('learn', run=simulated, without=['learner'])


def test_a_run_acts_only_where_it_belongs(arms: Path, simulated: Path) -> None:
    piper = [of(*LEARNING), *PIPER, MODEL]
    told = {p.title: p.parameters for p in cell.cell_processes('piper', run=arms, overrides=piper)}
    for node in ('policy', 'recorder'):
        place = json.loads(told[node]['workplace'])
        assert (place['kind'], place['arm'], place['base_frame']) == ('cell', 'agx', 'base_link')
    with pytest.raises(ConfigurationError, match=r'simulated belongs to the simulation of `train`'):
        cell.cell_processes('piper', run=simulated, overrides=piper)
    with pytest.raises(
        ConfigurationError, match=r'belongs to a cell \(arm agx.*kind is cell there'
    ):
        cell.cell_processes('learn', run=arms)
    with pytest.raises(ConfigurationError, match='tool_frame is link6 there, gripper_base here'):
        cell.cell_processes(
            'piper', run=arms, overrides=[*piper, 'gate.driver.tool_frame=gripper_base']
        )
    with pytest.raises(ConfigurationError, match=r'arm is agx there, position_controller here'):
        cell.cell_processes('ur', run=arms, overrides=[of(*LEARNING), MODEL, *UR_BOX])


def test_the_origin_of_a_run_is_that_of_its_nodes(arms: Path) -> None:
    told = cell.cell_processes('piper', run=arms, overrides=[of(*LEARNING), PIPER[0], MODEL])
    origins = {p.title: p.parameters.get('origin') for p in told}
    assert origins['policy'] == origins['recorder'] == [0.3, 0.0, 0.1]


def test_an_arm_does_not_act_by_a_run_of_nobody_knows_where(arms: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(arms, tmp_path / 'old'))
    saved = json.loads((old / 'run.json').read_text())
    del saved['workplace']
    (old / 'run.json').write_text(json.dumps(saved | {'demonstrations_dir': str(tmp_path / 'no')}))
    with pytest.raises(
        ConfigurationError, match='old: an earlier version made it, .* --rollouts 0 --cell CONFIG`'
    ):
        cell.cell_processes('piper', run=old, overrides=[of(*LEARNING), *PIPER, MODEL])
