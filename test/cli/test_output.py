import socket
from pathlib import Path

import pytest

from robo_dopamine_ros.cli import bench, dds_domain
from robo_dopamine_ros.cli.output import OutputError, is_failure, make_output_dir, open_output_dir
from robo_dopamine_ros.nodes import cell


def test_results_go_to_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = make_output_dir(None, 'replay', 'episode_001')
    assert folder.is_dir()
    assert folder.parent == Path('runs/replay')
    assert folder.name.endswith('-episode_001')
    assert make_output_dir(tmp_path / 'mine', 'replay', 'x') == tmp_path / 'mine'
    assert make_output_dir(tmp_path / 'mine', 'replay', 'x') == tmp_path / 'mine'


def test_full_folders_and_files_are_refused(tmp_path):
    (tmp_path / 'file').write_text('')
    for chosen in (tmp_path, tmp_path / 'file'):
        with pytest.raises(OutputError, match='not an empty folder'):
            make_output_dir(chosen, 'replay', 'x')


def end_by(error, chosen):
    """Open an output folder, write into it, and end by an error."""
    with open_output_dir(chosen, 'demo', 'x', is_failure) as folder:
        (folder / 'logs').mkdir(exist_ok=True)
        (folder / 'logs' / 'sim.log').write_text('why')
        raise error


@pytest.mark.parametrize('existed', [True, False])
def test_an_interrupted_verb_leaves_its_folder_as_it_was(tmp_path, existed):
    chosen = tmp_path / 'report'
    if existed:
        chosen.mkdir()
    with pytest.raises(KeyboardInterrupt):
        end_by(KeyboardInterrupt(), chosen)
    assert (list(tmp_path.rglob('*')), chosen.exists()) == ([chosen] * existed, existed)


def test_a_failed_verb_keeps_its_logs_and_may_be_repeated(tmp_path):
    chosen = tmp_path / 'report'
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            end_by(ZeroDivisionError(), chosen)
        assert (chosen / 'logs' / 'sim.log').read_text() == 'why'
    (chosen / 'report.json').write_text('{}')
    with pytest.raises(OutputError, match='not an empty folder'):
        make_output_dir(chosen, 'demo', 'x')


def test_nodes_have_a_domain_of_their_own_unless_one_is_named(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as cell:
        cell.bind(('', 7410 + 250 * 42))
        monkeypatch.setenv(dds_domain.VARIABLE, '42')
        given = dds_domain.domain_variables()
    assert given[dds_domain.VARIABLE] != '42'
    assert given['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert dds_domain.domain_variables(7) == {dds_domain.VARIABLE: '7'}


@pytest.mark.parametrize('participant', [0, 3])
def test_a_domain_in_use_is_not_taken(monkeypatch, participant):
    monkeypatch.delenv(dds_domain.VARIABLE, raising=False)
    wanted = dds_domain.free_domain()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(('', 7410 + 250 * wanted + 2 * participant))
        assert dds_domain.free_domain() != wanted
    assert 1 <= wanted <= dds_domain.MAX_DOMAIN


def test_the_cells_name_their_processes():
    titles = [p.title for p in cell.replay_processes(Path('e'), None, ['front'], 2.0)]
    assert titles == ['player', 'reward', 'episode_manager']
    assert [p.title for p in cell.demo_processes(None, 3)] == ['sim', 'reward', 'episode_manager']
    reward = cell.replay_processes(Path('e'), Path('m'), ['front'])[1].command()
    for override in ('cameras.views:=["front"]', 'model:="m"', 'cameras.limits.frozen_time:=0.0'):
        assert reward[reward.index(override) - 1] == '-p'


@pytest.fixture
def measurements(tmp_path, monkeypatch):
    (tmp_path / 'good.py').write_text(
        'import sys, pathlib\npathlib.Path(sys.argv[2]).write_text("{}")\nprint("fast")'
    )
    (tmp_path / 'bad.py').write_text('raise SystemExit(1)')
    monkeypatch.setattr(bench, 'BENCH_DIR', tmp_path)
    return tmp_path


def parse(*words):
    import argparse

    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return parser.parse_args(list(map(str, words)))


def test_measurements_run_and_keep_json(measurements, capfd, tmp_path):
    assert bench.run(parse('good', '--out', tmp_path / 'out')) == 0
    assert (tmp_path / 'out' / 'good.json').read_text() == '{}'
    assert 'fast' in capfd.readouterr().out


def test_a_measurement_gets_its_arguments(measurements, capfd, tmp_path):
    (measurements / 'good.py').write_text('import sys\nprint(sys.argv[3:])')
    assert bench.run(parse('good', '--out', tmp_path, '--args', '--count 5')) == 0
    assert "['--count', '5']" in capfd.readouterr().out


def test_a_failed_measurement_is_reported(measurements, capfd, tmp_path):
    assert bench.run(parse('--out', tmp_path / 'out')) == 1
    assert 'failed: bad' in capfd.readouterr().err


def test_measurements_are_listed_and_unknown_ones_refused(measurements, capsys):
    assert bench.run(parse('--list')) == 0
    assert capsys.readouterr().out == 'bad\ngood\n'
    with pytest.raises(bench.BenchError, match='no speed in .*; there are bad, good'):
        bench.run(parse('speed'))


def test_an_interrupted_measurement_prints_no_traceback(measurements, capfd, tmp_path):
    (measurements / 'good.py').write_text('import os, signal\nos.kill(os.getpid(), signal.SIGINT)')
    assert bench.run(parse('good', '--out', tmp_path / 'out')) == 1
    assert 'Traceback' not in capfd.readouterr().err
