"""A run knows where it belongs, and whatever works on it must be of the same place."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_run import CONFIG, make_run

from robo_dopamine_ros.cli.main import main
from robo_dopamine_ros.data.trajectory import Trajectory, save_trajectory
from robo_dopamine_ros.envs.insertion import INSTRUCTION, STATE_NAMES
from robo_dopamine_ros.policy.loop import PolicyLoopParameters
from robo_dopamine_ros.policy.observation import PROPRIOCEPTION_SIZE
from robo_dopamine_ros.training.config import RunDir, read_train_config
from robo_dopamine_ros.training.workplace import (
    SIMULATED_TASK,
    SIMULATION,
    Workplace,
    WorkplaceError,
    check_workplace,
    common_workplace,
)

UR = Workplace(
    'cell', 'position_controller', ('shoulder_pan_joint', 'elbow_joint'), 'base', 'tool0',
    (0.0, -0.45, 0.1), 0.1,
)  # fmt: skip
PIPER = replace(UR, arm='agx', joints=('joint1',), base_frame='base_link', tool_frame='link6')
FIELDS = {
    'kind': st.sampled_from(['', 'simulation', 'cell']),
    'arm': st.sampled_from(['', 'agx', 'crisp']),
    'joints': st.sampled_from([(), ('a',), ('a', 'b')]),
    'base_frame': st.sampled_from(['', 'base', 'base_link']),
    'tool_frame': st.sampled_from(['', 'tool0']),
    'origin': st.sampled_from([(), (0.5, 0.0, 0.1), (0.0, 0.0, 0.0)]),
    'tip_offset': st.sampled_from([None, 0.0, 0.1]),
}
PLACES = st.builds(Workplace, **FIELDS)


def recorded(folder: Path, workplace: Workplace | None, instruction: str = '') -> Path:
    """An episode as a recorder wrote it there, without its images."""
    folder.mkdir(parents=True)
    states = np.zeros((2, 15), np.float32)
    one = np.zeros(1, np.float32)
    steps = Trajectory(np.arange(2), states, np.zeros((1, 6), np.float32), one, one.astype(int))
    save_trajectory(steps, folder)
    (folder / 'episode.json').write_text(json.dumps({'rate': 10.0, 'instruction': instruction}))
    if workplace is not None:
        place = {'workplace': asdict(workplace)} if workplace != Workplace() else {}
        (folder / 'recorded.json').write_text(json.dumps({'episode': folder.name, **place}))
    return folder


@given(PLACES, PLACES)
def test_places_fit_where_all_that_is_known_of_both_is_equal(one, other) -> None:
    both = one.known.keys() & other.known.keys()
    fits = all(getattr(one, name) == getattr(other, name) for name in both)
    assert (one.differences(other) == []) == fits
    assert (other.differences(one) == []) == fits
    assert one.differences(one) == []
    assert Workplace.from_json(one.to_json()) == one


def test_the_difference_is_named() -> None:
    with pytest.raises(
        WorkplaceError,
        match=r'runs/ur belongs to a cell \(arm position_controller, .*: arm is position_controller'
        r' there, agx here; joints is shoulder_pan_joint elbow_joint there, joint1 here; '
        'base_frame is base there, base_link here; .*; go home',
    ):
        check_workplace('runs/ur', UR, PIPER, 'go home')
    with pytest.raises(WorkplaceError, match='kind is cell there, simulation here'):
        check_workplace('runs/ur', UR, SIMULATION, '')


@pytest.mark.parametrize('text', ['[]', '{"city": "Rome"}', '{', '{"kind": "moon"}'])
def test_what_is_no_workplace_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of json, or ours)
        Workplace.from_json(text)


def test_the_simulation_is_what_the_simulator_and_the_nodes_say() -> None:
    assert SIMULATED_TASK == INSTRUCTION
    assert len(STATE_NAMES) == PROPRIOCEPTION_SIZE
    loop = PolicyLoopParameters()
    assert (SIMULATION.origin, SIMULATION.tip_offset) == (loop.origin, loop.tip_offset)


def test_episodes_of_one_place_have_one_workplace(tmp_path: Path) -> None:
    ours = [recorded(tmp_path / name, UR) for name in 'ab']
    assert common_workplace(ours) == UR
    assert common_workplace([recorded(tmp_path / 's', None, INSTRUCTION)]) == SIMULATION
    unknown = recorded(tmp_path / 'old', Workplace(), INSTRUCTION)
    assert common_workplace([*ours, unknown]).kind == ''
    with pytest.raises(WorkplaceError, match=r'foreign belongs to a cell \(arm agx'):
        common_workplace([*ours, recorded(tmp_path / 'foreign', PIPER)])


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(['train', *map(str, words)]) == 2
    return capsys.readouterr().err


def test_real_demonstrations_do_not_practise_in_the_simulator(tmp_path: Path, capsys) -> None:
    real, out = recorded(tmp_path / 'real' / 'a', UR).parent, tmp_path / 'out'
    said = refused(capsys, '--demonstrations', real, '--out', out)
    assert f'{real} belongs to a cell (arm position_controller' in said
    assert 'rollouts = 120 of this verb are simulated: `--rollouts 0` prepares' in said
    old = recorded(tmp_path / 'old' / 'a', Workplace()).parent
    said = refused(capsys, '--demonstrations', old, '--rollouts', 0, '--out', out)
    assert 'does not say in which cell it was made: --cell CONFIG names it' in said
    said = refused(capsys, '--demonstrations', real, '--cell', 'piper', '--rollouts', 0)
    assert 'arm is position_controller there, agx here' in said
    said = refused(capsys, '--cell', 'piper', '--rollouts', 0, '--out', out)
    assert 'a run for a cell needs --demonstrations DIR that were recorded in it' in said
    assert not out.exists(), 'nothing is written'


def contents(run: RunDir) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}


@pytest.mark.parametrize('options', [(), ('--rollouts', '60'), ('--rollouts', '0')])
def test_the_run_of_an_arm_is_not_resumed_in_the_simulator(
    tmp_path: Path, capsys, options: tuple[str, ...]
) -> None:
    run = make_run(tmp_path / 'run', replace(CONFIG, workplace=UR, rollouts=0))
    before = contents(run)
    said = refused(capsys, '--resume', run.path, *options)
    assert f'{run.path} ' in said
    assert 'belongs to a cell (arm position_controller' in said
    assert 'robo-dopamine up CELL --run' in said
    assert contents(run) == before


def test_a_run_of_an_earlier_version_is_told_where_it_belongs(tmp_path: Path, capsys) -> None:
    real = recorded(tmp_path / 'real' / 'a', Workplace()).parent
    run = make_run(tmp_path / 'run', replace(CONFIG, demonstrations_dir=str(real), rollouts=0))
    saved = json.loads(run.config.read_text())
    del saved['workplace']
    run.config.write_text(json.dumps(saved))
    assert read_train_config(run.path).workplace == Workplace()
    before = contents(run)
    said = refused(capsys, '--resume', run.path, '--rollouts', 60)
    assert f'{run.path} does not say in which cell it was made: an earlier version made it' in said
    assert f'--resume {run.path} --rollouts 0 --cell CONFIG' in said
    assert contents(run) == before
    assert main(['train', '--resume', str(run.path), '--cell', 'piper']) == 0
    place = read_train_config(run.path).workplace
    assert (place.kind, place.arm, place.base_frame) == ('cell', 'agx', 'base_link')
    assert {**contents(run), 'run.json': b''} == {**before, 'run.json': b''}
    said = refused(capsys, '--resume', run.path, '--cell', 'ur')
    assert 'a run cannot move' in said


def test_a_simulated_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run', CONFIG)
    saved = json.loads(run.config.read_text())
    del saved['workplace']
    run.config.write_text(json.dumps(saved))
    assert read_train_config(run.path) == CONFIG
