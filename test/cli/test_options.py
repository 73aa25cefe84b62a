"""Options of all verbs as a kind: numbers within bounds, outputs that can be written."""

import argparse
import importlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.cli import main as cli
from robo_dopamine_ros.cli import option_types
from robo_dopamine_ros.cli.option_types import Real, Whole

NUMBERS = (Whole, Real)
OUTPUTS = (option_types.output_dir, option_types.output_file)
WRITTEN = ('out', 'resume', 'cell')  # options that name what a verb writes


def actions(verb: str) -> list[argparse.Action]:
    parser = argparse.ArgumentParser()
    importlib.import_module(f'robo_dopamine_ros.cli.{verb}').add_arguments(parser)
    return parser._actions


OPTIONS = [(verb, action) for verb in cli.VERBS for action in actions(verb)]
NUMERIC = [(verb, action) for verb, action in OPTIONS if isinstance(action.type, NUMBERS)]
WRITING = [(verb, action) for verb, action in OPTIONS if action.type in OUTPUTS]


def named(pairs):
    return [pytest.param(*pair, id=f'{pair[0]} {pair[1].dest}') for pair in pairs]


@pytest.mark.parametrize(('verb', 'action'), named(OPTIONS))
def test_no_option_takes_a_number_without_bounds(verb, action):
    assert action.type not in (int, float)
    assert (
        not isinstance(action.default, int | float)
        or isinstance(action.default, bool)
        or isinstance(action.type, NUMBERS)
    )


@pytest.mark.parametrize(('verb', 'action'), named(OPTIONS))
def test_an_option_with_choices_names_them(verb, action, capsys):
    if action.choices is None or not action.option_strings:
        return
    with pytest.raises(SystemExit):
        cli.main([verb, *needed(verb), action.option_strings[0], 'nope'])
    said = capsys.readouterr().err
    assert "invalid choice: 'nope'" in said
    assert all(str(choice) in said for choice in action.choices)


def test_there_are_numeric_options_in_many_verbs():
    assert {verb for verb, _ in NUMERIC} >= {
        *('adapt', 'compare', 'demo', 'doctor', 'evaluate', 'export', 'record', 'replay'),
        *('teleop', 'train'),
    }


@pytest.mark.parametrize(('verb', 'action'), named(NUMERIC))
@pytest.mark.parametrize('text', ['nan', 'inf', '-inf', '', 'three', '1e400', '9' * 5000])
def test_what_is_no_finite_number_is_refused(verb, action, text):
    with pytest.raises(argparse.ArgumentTypeError, match='is not a'):
        action.type(text)


@pytest.mark.parametrize(('verb', 'action'), named(NUMERIC))
def test_a_default_is_within_its_own_bounds(verb, action):
    if action.default is not None:
        assert action.type(str(action.default)) == action.default


@pytest.mark.parametrize(
    ('verb', 'option', 'value'),
    [
        ('adapt', 'steps', '0'), ('adapt', 'seconds', '-3'), ('adapt', 'threads', '-2'),
        ('adapt', 'seed', '-1'), ('record', 'count', '0'), ('train', 'rollouts', '-1'),
        ('replay', 'speed', '0'), ('teleop', 'speed', '-0.1'), ('export', 'questions', '0'),
        ('compare', 'pairs', '0'), ('demo', 'episodes', '0'), ('train', 'evaluation', '-5'),
    ],
)  # fmt: skip
def test_numbers_out_of_bounds_name_value_and_bounds(verb, option, value):
    (action,) = (one for name, one in NUMERIC if (name, one.dest) == (verb, option))
    with pytest.raises(argparse.ArgumentTypeError, match=f'{value!r} is not a .*(or|above|to)'):
        action.type(value)


@given(low=st.integers(-5, 5), width=st.integers(0, 9), value=st.integers(-30, 30))
def test_a_whole_number_is_taken_exactly_within_its_bounds(low, width, value):
    kind = Whole(low, low + width)
    if low <= value <= low + width:
        assert kind(str(value)) == value
    else:
        with pytest.raises(argparse.ArgumentTypeError, match=f'{low} to {low + width}'):
            kind(str(value))


@given(value=st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_is_taken_exactly_above_its_bound(value):
    if 0.5 < value <= 8.0:
        assert Real(0.5, 8.0)(repr(value)) == value
    else:
        with pytest.raises(argparse.ArgumentTypeError, match='above 0.5, up to 8'):
            Real(0.5, 8.0)(repr(value))


@pytest.mark.parametrize(('verb', 'action'), named(OPTIONS))
def test_what_a_verb_writes_is_checked_before_it_works(verb, action):
    read_only = (verb, action.dest) == ('train', 'cell')
    assert read_only or action.dest not in WRITTEN or action.type in OUTPUTS


@pytest.mark.parametrize(('verb', 'action'), named(WRITING))
@pytest.mark.parametrize('place', ['below a file', 'in a file system of the kernel'])
def test_an_output_that_cannot_be_written_is_refused_at_once(verb, action, place, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    path = tmp_path / 'file' / 'out' if place == 'below a file' else Path('/proc/robo_dopamine')
    with pytest.raises(argparse.ArgumentTypeError, match=f'{path} cannot be written: '):
        action.type(str(path))
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, *needed(verb), action.option_strings[0], str(path)])
    assert ended.value.code == 2
    assert f'{path} cannot be written' in capsys.readouterr().err


def needed(verb: str) -> list[str]:
    """The positional arguments of a verb, which are not looked at."""
    positional = [one for name, one in OPTIONS if name == verb and not one.option_strings]
    return ['x' for one in positional if one.nargs not in ('?', '*')]


@pytest.mark.parametrize('kind', OUTPUTS)
def test_a_read_only_folder_is_refused(kind, tmp_path):
    tmp_path.chmod(0o500)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65534)  # whom the mode applies to
    try:
        with pytest.raises(argparse.ArgumentTypeError, match='Permission denied; name another'):
            kind(str(tmp_path / 'new'))
    finally:
        if as_root:
            os.seteuid(0)
        tmp_path.chmod(0o700)


def test_the_check_leaves_nothing_behind(tmp_path):
    kept = tmp_path / 'kept.json'
    kept.write_text('{}')
    assert option_types.output_dir(str(tmp_path / 'a' / 'b')) == tmp_path / 'a' / 'b'
    assert option_types.output_file(str(tmp_path / 'a' / 'b.json')) == tmp_path / 'a' / 'b.json'
    assert option_types.output_file(str(kept)) == kept
    assert list(tmp_path.iterdir()) == [kept]
    assert kept.read_text() == '{}'
