"""The verb `adapt`: its verdict and its exit code."""

import json

import pytest

from robo_dopamine_ros.cli import main as cli


@pytest.mark.parametrize('form', ['text', 'json'])
def test_a_model_that_learned_nothing_is_named_and_told_by_the_exit_code(
    long_episode, tmp_path, capfd, form
):
    words = [
        'adapt',
        str(long_episode),
        '--out',
        str(tmp_path / 'weak'),
        '--steps',
        '1',
        '--threads',
        '1',
    ]
    code = cli.main([*words, *(['--progress-json'] if form == 'json' else [])])
    output, errors = capfd.readouterr()
    assert code == 1
    assert f'{tmp_path / "weak"} is not usable: ' in errors
    assert '1 steps were done: give more --steps' in errors
    notes = json.loads((tmp_path / 'weak' / 'model.json').read_text())['notes']['self_check']
    assert (notes['steps'], notes['usable']) == (1, False)
    if form == 'json':
        assert json.loads(output.splitlines()[-1])['self_check'] == notes
