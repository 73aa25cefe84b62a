"""A cell is checked before anything starts: what is wrong is said in one message, by name."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_run import CONFIG, add_policy_episode, make_run

from robo_dopamine_ros.ros import environment

environment.activate()

from robo_dopamine_ros.nodes import cell, cell_config  # noqa: E402 (need the environment)
from robo_dopamine_ros.nodes.cell_config import (  # noqa: E402
    NODES,
    CellParameters,
    ConfigurationError,
    parameters_class,
)
from robo_dopamine_ros.nodes.run_overrides import apply_run  # noqa: E402
from robo_dopamine_ros.ros.params import flatten  # noqa: E402

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.stem for path in (ROOT / 'config').glob('*.yaml'))


def written(folder: Path, text: str) -> Path:
    path = folder / 'mine.yaml'
    path.write_text(text)
    return path


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to add_policy_episode in."""
    plan = replace(
        CONFIG, reward_model_dir=str(ROOT / 'models' / 'grm'), clearance=0.003, fusion='consistency'
    )
    return make_run(tmp_path_factory.mktemp('runs') / 'live', plan).path


def nodes(processes) -> list[str]:
    return [process.title for process in processes]


@pytest.mark.parametrize('name', SHIPPED)
def test_a_shipped_cell_is_right_and_says_only_what_differs(name: str, run: Path) -> None:
    assert cell.shipped_configs() == SHIPPED
    assert cell.cell_processes(name, run=run if name == 'learn' else '')
    for node, given in cell_config.read_config(cell.find_config(name)).items():
        specs = flatten(CellParameters if node == 'cell' else parameters_class(node))
        for key, value in given.items():
            spec = specs[key]
            assert (tuple(value) if isinstance(value, list) else value) != spec.default, key
            assert not (spec.kind is float and isinstance(value, int)), f'{key}: ROS refuses that'


@pytest.mark.parametrize('name', SHIPPED)
def test_a_cell_that_touches_no_real_arm_needs_no_arming_and_no_other(name: str, run: Path) -> None:
    given = cell_config.read_config(cell.find_config(name))
    if name == 'learn':
        given = apply_run(cell_config.with_overrides(given, [('cell', 'run', str(run))]))
    config, parameters, _ = cell_config.check_config(given)
    if 'gate' in config.nodes:
        gate, simulated = parameters['gate'], name in ('sim', 'learn', 'gazebo')
        assert gate.armed == simulated
        assert gate.stop_lock != simulated
        assert gate.simulated == simulated
        assert (gate.enable == 'none') == simulated
        assert bool(gate.disabled_protections) != simulated, 'hardware names what is off'
        assert gate.limits.allow_pose_jumps == (name in ('sim', 'learn'))


LIVE = ('policy', 'recorder', 'learner')


def test_one_run_is_that_of_all_who_practise(run: Path, monkeypatch) -> None:
    monkeypatch.chdir(run.parent)
    told = {
        process.title: process.parameters for process in cell.cell_processes('learn', run='live')
    }
    assert {told[node]['run'] for node in LIVE} == {str(run)}
    assert told['reward']['model'] == str(ROOT / 'models' / 'grm')
    assert told['reward']['session.tracker.fusion'] == 'consistency'
    assert told['sim']['workpiece.clearance'] == 0.003
    operator = told['scripted_operator']
    assert operator['intervention.hole_width'] == pytest.approx(0.023)
    assert operator['intervention.episodes'] == CONFIG.interventions
    assert not any('cell' in key for parameters in told.values() for key in parameters)
    by_set = cell.cell_processes(
        'learn', overrides=[f'cell.run={run}', 'sim.workpiece.clearance=0.002']
    )
    assert {process.title: process.parameters for process in by_set}['sim'][
        'workpiece.clearance'
    ] == 0.002


def test_a_run_goes_on_where_it_stopped_and_says_when_nothing_is_left(tmp_path: Path) -> None:
    folder = make_run(
        tmp_path / 'run', replace(CONFIG, reward_model_dir=str(ROOT / 'models' / 'grm'))
    )

    def first() -> object:
        told = {process.title: process for process in cell.cell_processes('learn', run=folder.path)}
        return told['episode_manager'].parameters['episodes.first_index']

    assert first() == 0, 'a demonstration is no practice'
    for name in ('monday', 'tuesday'):
        add_policy_episode(folder, name, 3)
    assert first() == 2
    three = ['episode_manager.episodes.rollouts=3']
    assert cell.cell_processes('learn', run=folder.path, overrides=three)
    add_policy_episode(folder, 'wednesday', 3)
    with pytest.raises(ConfigurationError, match='nothing is left to do: it has 3 episodes'):
        cell.cell_processes('learn', run=folder.path, overrides=three)
    assert cell.cell_processes(
        'learn', run=folder.path, overrides=['episode_manager.episodes.rollouts=0']
    )
    assert cell.cell_processes(
        'learn', run=folder.path, overrides=[*three, 'episode_manager.episodes.first_index=1']
    )


def test_a_run_is_that_of_a_cell_which_learns(run: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r'policy.run is empty; `robo-dopamine up --run RUN`'
    ):
        cell.cell_processes('learn', overrides=[f'recorder.run={run}'])
    with pytest.raises(ConfigurationError, match='cell.run is given, but the cell starts none of '):
        cell.cell_processes('sim', run=run)
    nowhere = tmp_path / 'nowhere'
    with pytest.raises(ConfigurationError, match='`robo-dopamine train --rollouts 0 --out .*nowhe'):
        cell.cell_processes('learn', run=nowhere)
    other = make_run(tmp_path / 'other', CONFIG).path
    with pytest.raises(ConfigurationError, match="learner.run = '.*other'; they must be the same"):
        cell.cell_processes('learn', run=run, overrides=[f'learner.run={other}'])
    with pytest.raises(ConfigurationError, match="policy.run = '', .* must be the same"):
        cell.cell_processes('learn', run=run, overrides=['policy.run=""'])
    narrow = make_run(tmp_path / 'narrow', replace(CONFIG, perspective='forward')).path
    with pytest.raises(ConfigurationError, match="its run.json has perspective = 'forward'"):
        cell.cell_processes('learn', run=narrow, model=ROOT / 'models' / 'grm')
    (narrow / 'run.json').write_text('{}')
    with pytest.raises(ConfigurationError, match='cell.run: .*run.json: no run of `train`'):
        cell.cell_processes('learn', run=narrow)


def test_who_starts_again_when_they_die() -> None:
    assert nodes(cell.cell_processes('sim')) == [
        'sim',
        'gate',
        'teleop',
        'reward',
        'episode_manager',
    ]
    assert [p.title for p in cell.cell_processes('sim') if p.respawn] == ['reward']
    assert not any(p.respawn for p in cell.demo_processes(None, 1))
    assert {name for name, spec in NODES.items() if spec.respawn} == {'reward', *LIVE}


def test_arguments_win_over_the_file_and_overrides_over_all(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'cell: {ros__parameters: {nodes: [reward, episode_manager], use_sim_time: true,'
        ' remap: ["front/image_raw:=/cam"]}}\n'
        'reward: {ros__parameters: {rate: 5, cameras: {views: [front]}}}\n',
    )
    reward, episode_manager = cell.cell_processes(
        path,
        namespace='/lab/left',
        views=['front', 'left_wrist'],
        task='insert',
        overrides=['reward.rate=1e1', 'episode_manager.episodes.grace_period=2'],
    )
    assert reward.parameters == {
        'use_sim_time': True,
        'rate': 10.0,
        'cameras.views': ['front', 'left_wrist'],
    }
    assert episode_manager.parameters['episodes.task'] == 'insert'
    assert episode_manager.parameters['episodes.grace_period'] == 2.0
    assert reward.remappings == {'front/image_raw': '/cam'}
    assert reward.full_name == '/lab/left/reward'
    assert reward.arguments()[:6] == [
        '--ros-args', '-r', '__node:=reward', '-r', '__ns:=/lab/left', '-r'
    ]  # fmt: skip


WRONG = {
    'episode_manager.episode.grace_period=1': r'episode_manager.episode.grace_period: no such '
    r'parameter; did you mean episodes.grace_period\?',
    'gate.limits.sped=1': r'gate.limits.sped: no such parameter; did you mean limits.speed\?',
    'gate.speed=1': r'gate.speed: no such parameter; did you mean limits.speed\?',
    'gate.zzz=1': 'gate.zzz: no such parameter; docs/parameters.md lists them',
    'gat.rate=50': r"no node 'gat'; did you mean gate\?; there are sim, gate, ",
    'gate.rate=fast': "gate.rate = 'fast'; it must be a number",
    'gate.armed=1': 'gate.armed = 1; it must be true or false',
    'reward.threads=1.5': 'reward.threads = 1.5; it must be a whole number',
    'reward.rate=500': r'reward.rate = 500; it must lie in 0.1..100.0',
    'reward.rate=true': 'reward.rate = True; it must be a number',
    'gate.limits.low=[0,0]': r'gate: limits: low = \(0.0, 0.0\), high',
    'gate.limits.low=[0,a,0]': r"gate.limits.low = \[0, 'a', 0\]; it must be a list, each a number",
    'gate.limits.speed=-1': 'gate: limits: speed = -1.0; it must be above 0',
    'gate.limits.speed=.nan': 'gate: limits: speed = nan; it must be above 0',
    'gate.simulated=false': r'gate: protections are off without being named \(armed: .*; '
    r'stop_lock: .*; enable: .*; zone: .*; limits.force: .*; limits.allow_pose_jumps: .*\)',
    'gate.enable=nobody': "gate: enable = 'nobody'; it must be topic or none",
    'gate.disabled_protections=[speed]': 'disabled_protections: no protection speed; there are arm',
    'gate.other_stop_locks=[stop_lock]': r"= \['stop_lock'\]; each must be a topic of its own",
    'gate.limits.slow_scale=1.5': 'gate: limits: slow_scale = 1.5; it must lie in 0..1',
    'cell.nodes=[gate,teleop]': 'gate.simulated is true, but the cell starts no node sim and its',
    'gate.driver.arm=panda': "gate: driver: arm = 'panda'; it must be crisp",
    'gate.driver.arm=position_controller': 'gate: driver: joints is empty; name those of the',
    'teleop.base_frame=world': "teleop.base_frame = 'world', gate.driver.base_frame = 'base'; they",
    'reward.cameras.views=[top]': 'reward.cameras.views: no camera view top; the model .* has',
    'reward.cameras.views=[]': r'reward: cameras: views = \[\]; it must be one to three',
    'reward.model=nowhere': 'reward.model: nowhere is no model folder',
    'episode_manager.resets.strategy=fly': "resets: strategy = 'fly'; it must be one of none, sim,",
    'cell.nodes=[gate,gat]': r"cell: nodes: no node 'gat'; did you mean gate\?",
    'cell.nodes=[]': r'cell: nodes = \[\]; it must name each node once',
    'cell.remap=[front]': "cell: remap: 'front'; it must be like `old:=new`",
    'gate.rate': "'gate.rate'; it must be like gate.limits.speed=0.1",
    'rate=5': "'rate=5'; it must be like gate.limits.speed=0.1",
}


def test_a_large_model_knows_the_views_it_is_told_of() -> None:
    large = 'reward.model=someone/Some-GRM-3B'
    assert cell.cell_processes('sim', overrides=[large])
    with pytest.raises(ConfigurationError, match='Some-GRM-3B has front, top'):
        cell.cell_processes('sim', overrides=[large, 'reward.vlm.views=[front, top]'])


@pytest.mark.parametrize('text', WRONG)
def test_what_cannot_be_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match=WRONG[text]):
        cell.cell_processes('sim', overrides=[text])


OFF = {
    'gate.armed=true': 'armed',
    'gate.stop_lock=false': 'stop_lock',
    'gate.enable=none': 'enable',
    'gate.limits.allow_pose_jumps=true': 'limits.allow_pose_jumps',
}


@pytest.mark.parametrize('name', ['franka', 'ur', 'ur_servo', 'piper'])
@pytest.mark.parametrize('override', OFF)
def test_hardware_names_every_protection_that_is_off(name: str, override: str) -> None:
    key, others = OFF[override], 'zone, limits.force, limits.torque'
    with pytest.raises(ConfigurationError) as refused:
        cell.cell_processes(name, overrides=[override])
    assert f'without being named ({key}: ' in str(refused.value)
    assert f'`disabled_protections: [{others}, {key}]`' in str(refused.value)
    named = f'gate.disabled_protections=[{others}, {key}]'
    assert cell.cell_processes(name, overrides=[override, named])
    assert cell.cell_processes(name, overrides=[named]), 'one that is on may be named'


FILES = {
    'reward: {ros__parameters: {rate: 5.0}}': 'no section `cell: ros__parameters: nodes: ',
    'cell: [': 'mine.yaml: no YAML: ',
    'cell: {nodes: [reward]}': 'cell: it must hold `ros__parameters:` and keys below it',
    '[1, 2]': 'no section `cell: ',
    '': 'no section `cell: ',
}


@pytest.mark.parametrize('text', FILES)
def test_what_is_no_cell_is_refused_by_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=FILES[text]):
        cell.cell_processes(written(tmp_path, text))


def test_nodes_can_be_left_out() -> None:
    assert 'teleop' not in nodes(cell.cell_processes('sim', without=['teleop']))
    with pytest.raises(ConfigurationError, match='without player: the cell has sim, gate, '):
        cell.cell_processes('sim', without=['player'])
    with pytest.raises(ConfigurationError, match="strategy = 'sim' needs the node sim"):
        cell.cell_processes('sim', without=['sim'])


def test_names_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no cell 'frank': neither a file nor one of "):
        cell.cell_processes('frank')
    with pytest.raises(FileNotFoundError):
        cell.cell_processes('nowhere.yaml')
    with pytest.raises(ConfigurationError, match="namespace = 'left arm'; it must be like left"):
        cell.cell_processes('reward', namespace='left arm')
    with pytest.raises(ConfigurationError, match='reward.model is given, but the cell starts no'):
        cell.cell_processes('sim', overrides=['cell.nodes=[sim,episode_manager]'], model='m')
