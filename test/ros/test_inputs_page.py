"""docs/inputs.md lists what the tables in the code take and refuse, and nothing else."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from robo_dopamine_ros.data.episode_folder import DEFAULT_RATE, LAYOUTS, LENGTH_TOLERANCE
from robo_dopamine_ros.data.image_folder import IMAGE_SUFFIXES
from robo_dopamine_ros.data.image_folder import MIN_USED_BITS as MIN_USED_BITS_OF_FILES
from robo_dopamine_ros.data.video_file import MAX_MISSING, TESTED_CODECS
from robo_dopamine_ros.nodes.cell import demo_processes, replay_processes
from robo_dopamine_ros.nodes.teleop_device import DEVICES
from robo_dopamine_ros.ros.cameras import TRANSPORTS, SyncLimits
from robo_dopamine_ros.ros.image_encodings import ENCODINGS, REFUSED_ENCODINGS
from robo_dopamine_ros.ros.images import MIN_USED_BITS
from robo_dopamine_ros.ros.repeat_watch import MIN_REPEATS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs' / 'inputs.md').read_text()
NAME = re.compile(r'`([^`]+)`')


def table(*columns: str) -> list[list[str]]:
    """The cells of the first table whose header begins with these columns, row by row."""
    lines = iter(PAGE[PAGE.index('| ' + ' | '.join(columns) + ' |\n') :].splitlines()[2:])
    rows = []
    while (line := next(lines, '')).startswith('|'):
        rows.append([cell.strip() for cell in line.strip('|').split(' | ')])
    return rows


def named(rows: list[list[str]]) -> list[str]:
    """The names in the first cells."""
    return [name for first, *_ in rows for name in NAME.findall(first)]


def sources_of_cameras() -> list[str]:
    """Keys of CAMERAS in the launch file, which imports what this machine may lack."""
    for node in ast.parse((ROOT / 'launch' / 'cell.launch.py').read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'CAMERAS':
            assert isinstance(node.value, ast.Dict)
            return [ast.literal_eval(key) for key in node.value.keys if key]
    raise AssertionError('no CAMERAS in launch/cell.launch.py')


@pytest.mark.parametrize(
    ('columns', 'known'),
    [
        (('encoding', 'decoded as'), ENCODINGS),
        (('encoding', 'why'), REFUSED_ENCODINGS),
        (('file', 'taken'), ('JPEG', 'PNG')),
        (('layout', 'files'), LAYOUTS),
        (('`device`', 'reads'), DEVICES),
        (('`cameras:=`', 'started'), sources_of_cameras()),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else '',
)
def test_a_table_of_the_page_is_that_of_the_code(columns: tuple, known: object) -> None:
    names = named(table(*columns))
    assert sorted(names) == sorted(known)  # type: ignore[call-overload]


def test_the_reasons_are_those_of_the_code() -> None:
    reason = ''
    for first, why in table('encoding', 'why'):
        reason = reason if why == 'the same' else why
        for name in NAME.findall(first):
            assert REFUSED_ENCODINGS[name] == reason


def paragraph(title: str) -> str:
    return PAGE[PAGE.index(f'**{title}.**') :].split('\n\n')[0]


def test_codecs_suffixes_and_limits_are_those_of_the_code() -> None:
    assert tuple(NAME.findall(paragraph('Codecs'))) == TESTED_CODECS
    (layout,) = (row for row in table('layout', 'files') if row[0] == '`images`')
    assert tuple(re.findall(r'`(\.\w+)`', layout[1])) == IMAGE_SUFFIXES
    assert all(f'`{transport}`' in PAGE or f': {transport}`' in PAGE for transport in TRANSPORTS)
    assert MIN_USED_BITS == MIN_USED_BITS_OF_FILES == 14 + 1
    assert 'brightest value fits in 14' in PAGE
    assert (MAX_MISSING, LENGTH_TOLERANCE, DEFAULT_RATE) == (2, 3, 10.0)
    assert (SyncLimits().frozen_time, SyncLimits().refuse_frozen, MIN_REPEATS) == (5.0, False, 5)


@pytest.mark.parametrize('name', ['sim', 'learn', 'gazebo'])
def test_pictures_of_a_simulator_may_repeat(name: str) -> None:
    cell = yaml.safe_load((ROOT / 'config' / f'{name}.yaml').read_text())
    readers = {'reward', 'policy', 'recorder'} & set(cell['cell']['ros__parameters']['nodes'])
    for reader in readers:
        assert cell[reader]['ros__parameters']['cameras']['limits']['frozen_time'] == 0.0


def test_pictures_that_are_played_may_repeat() -> None:
    played = replay_processes(Path('episode'), None, ('front',)), demo_processes(None, 0)
    for processes in played:
        (reward,) = (process for process in processes if process.executable == 'reward')
        assert reward.parameters['cameras.limits.frozen_time'] == 0.0
