"""What `up` says once a cell is up, and where a model is that a person names."""

import pytest

from robo_dopamine_ros.grm.model_path import existing_model, model_path
from robo_dopamine_ros.ros import environment

environment.activate()

from robo_dopamine_ros.cli.next_steps import next_steps  # noqa: E402 (needs the environment)
from robo_dopamine_ros.nodes.cell import cell_processes  # noqa: E402
from robo_dopamine_ros.ros import single_instance  # noqa: E402
from robo_dopamine_ros.ros.diagnostics import Health, to_status  # noqa: E402


def steps(config: str, *without: str, namespace: str = '') -> str:
    processes = cell_processes(config, without=without, namespace=namespace)
    return '\n'.join(next_steps(processes, without, namespace))


def test_a_cell_says_how_to_drive_begin_and_stop():
    said = steps('sim')
    assert 'drive: by the gamepad' in said
    assert 'episode: robo-dopamine episode start\n' in said
    assert 'robo-dopamine episode end success' in said
    assert 'robo-dopamine rearm' in said
    assert 'end: Ctrl-C' in said


def test_without_a_device_the_verb_drives():
    said = steps('sim', 'teleop', namespace='left')
    assert 'drive: robo-dopamine teleop --namespace left' in said
    assert 'robo-dopamine episode start --namespace left' in said


def test_a_cell_without_an_arm_offers_no_drive():
    said = steps('reward')
    assert 'drive' not in said
    assert 'rearm' not in said
    assert "robo-dopamine episode start 'WHAT IS TO BE DONE'" in said


def test_a_name_on_the_hub_is_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'runs').mkdir()
    name = 'tanhuajie2001/Robo-Dopamine-GRM-3B'
    assert str(model_path(name)) == str(existing_model(name)) == name
    assert model_path('runs/my_task') == tmp_path / 'runs' / 'my_task'
    with pytest.raises(FileNotFoundError, match='no such model folder'):
        existing_model('runs/my_task')
    reward = cell_processes('reward', model=name)[0]
    assert reward.parameters['model'] == name


def test_who_drives_already_names_the_remedy(domain_lock):
    with pytest.raises(single_instance.AlreadyRunningError, match='`robo-dopamine up --without'):
        single_instance.check_not_running(['/teleop'])


@pytest.fixture
def domain_lock(monkeypatch, tmp_path):
    """The lock of a teleop that runs, in a folder of the test's own."""
    import tempfile

    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    return single_instance.acquire_lock('/teleop')


def test_diagnostics_say_which_hardware_they_are_about():
    assert to_status(Health('reward'), 'reward').hardware_id
    assert to_status(Health('camera front', hardware='camera front'), 'x').hardware_id == (
        'camera front'
    )
