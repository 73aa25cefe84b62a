"""A robot computer has no simulator: MuJoCo, Gymnasium and OpenGL are missing there."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from small_run import CONFIG, make_run
from test_replay import environment as shell

from robo_dopamine_ros.cli.main import VERBS, main
from robo_dopamine_ros.nodes.cell_config import NODES
from robo_dopamine_ros.training.workplace import Workplace

ROOT = Path(__file__).parents[2]
MODEL = ROOT / 'models' / 'grm'
SIMULATED_NODES = {'sim', 'scripted_operator'}
SIMULATED_VERBS = {'demo', 'record'}
WITHOUT_SIMULATOR = """
import os, sys
for name in ('mujoco', 'gymnasium'):
    sys.modules[name] = None
os.environ.pop('MUJOCO_GL', None)
{body}
assert not [name for name in sys.modules if name.split('.')[:2] == ['robo_dopamine_ros', 'sim']]
"""


def without_simulator(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', WITHOUT_SIMULATOR.format(body=body)],
        capture_output=True, text=True, timeout=150, env=shell(), cwd=ROOT, check=False,
    )  # fmt: skip


def verb(*words: object) -> subprocess.CompletedProcess[str]:
    call = f'from robo_dopamine_ros.cli.main import main; code = main({list(map(str, words))!r})'
    return without_simulator(f'{call}\nassert code == 0')


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = Workplace('cell', 'position_controller', base_frame='base', tool_frame='tool0')
    plan = replace(CONFIG, reward_model_dir=str(MODEL), workplace=place)
    return make_run(tmp_path_factory.mktemp('runs') / 'arm', plan).path


def test_every_node_but_the_simulator_and_its_operator_is_imported() -> None:
    names = sorted(set(NODES) - SIMULATED_NODES)
    body = 'from robo_dopamine_ros.ros import environment; environment.activate()\n'
    body += '\n'.join(f'import robo_dopamine_ros.nodes.{name}' for name in names)
    done = without_simulator(body)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('name', sorted(set(VERBS) - SIMULATED_VERBS))
def test_every_verb_but_those_of_the_simulator_is_imported(name: str) -> None:
    done = without_simulator(
        'from robo_dopamine_ros.cli.main import _parser\n' + f'_parser([{name!r}])'
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('name', ['franka', 'ur', 'ur_servo', 'piper', 'reward', 'gazebo'])
def test_cells_of_arms_are_checked(name: str) -> None:
    done = verb('up', name, '--dry-run')
    assert done.returncode == 0, done.stderr


def test_a_run_of_an_arm_is_started(run: Path) -> None:
    nodes = 'gate,teleop,reward,episode_manager,policy,recorder,learner'
    box = ['--set', 'gate.limits.low=[0.2,-0.3,0.0]', '--set', 'gate.limits.high=[0.8,0.3,0.5]']
    done = verb('up', 'ur', '--run', run, '--dry-run', '--set', f'cell.nodes=[{nodes}]', *box)
    assert done.returncode == 0, done.stderr
    told = {process['executable']: process['arguments'] for process in json.loads(done.stdout)}
    assert f'run:="{run}"' in told['policy']


def test_a_run_of_an_arm_is_prepared(tmp_path: Path) -> None:
    assert main(['record', '--out', str(tmp_path / 'real'), '--layout', 'images']) == 0
    (episode,) = (tmp_path / 'real').iterdir()  # as if a recorder had written it in the cell
    place = asdict(Workplace('cell', 'position_controller', base_frame='base', tool_frame='tool0'))
    (episode / 'recorded.json').write_text(json.dumps({'workplace': place}))
    done = verb(
        'train', '--rollouts', 0, '--demonstrations', tmp_path / 'real', '--model', MODEL,
        '--pretraining', 2, '--out', tmp_path / 'run', '--json',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)['updates'] == 2
    assert f'next: robo-dopamine up CELL --run {tmp_path / "run"}' in done.stderr
    assert json.loads((tmp_path / 'run' / 'run.json').read_text())['workplace']['kind'] == 'cell'
