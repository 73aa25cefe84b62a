"""One part of a cell file is changed; everything else stays as it was written."""

from pathlib import Path

import pytest

from robo_dopamine_ros.cli.cell_file import set_part
from robo_dopamine_ros.nodes.cell_config import ConfigurationError, read_config
from robo_dopamine_ros.ros.environment import activate

activate()
CELLS = sorted((Path(__file__).parents[2] / 'config').glob('[fuplsg]*.yaml'))
VALUES = {'layout': 'raw', 'axes': ['x', 'enable'], 'tilted': ['x', ''], 'scales': [1.0, 1.0]}
BUTTONS = {'buttons': ['dead_man', 'stop']}


@pytest.mark.parametrize('cell', CELLS, ids=lambda path: path.stem)
def test_a_part_is_added_and_replaced(cell: Path, tmp_path: Path) -> None:
    path = tmp_path / 'cell.yaml'
    path.write_text(cell.read_text())
    before = read_config(path)
    for buttons in (['stop', 'dead_man'], ['dead_man', 'stop']):
        set_part(path, 'teleop', 'joy', {**VALUES, 'buttons': buttons})
    after = dict(read_config(path))
    teleop = dict(after.pop('teleop'))
    joy = {key: teleop.pop(key) for key in list(teleop) if key.startswith('joy.')}
    assert joy == {f'joy.{key}': value for key, value in {**VALUES, **BUTTONS}.items()}
    assert teleop == before.get('teleop', {})
    assert after == {node: keys for node, keys in before.items() if node != 'teleop'}
    kept = [line for line in cell.read_text().splitlines() if '#' in line]
    assert [line for line in path.read_text().splitlines() if '#' in line] == kept


def test_other_keys_of_the_part_are_kept(tmp_path: Path) -> None:
    path = tmp_path / 'cell.yaml'
    path.write_text(
        'cell: {ros__parameters: {nodes: [gate, teleop]}}\n'
        'teleop:\n  ros__parameters:\n    device: joy\n    joy.layout: auto\n'
        '    joy:\n      timeout: 0.3\n      axes: [x]\n    person: Ada\n'
    )
    set_part(path, 'teleop', 'joy', {**VALUES, **BUTTONS})
    teleop = read_config(path)['teleop']
    assert (teleop['joy.timeout'], teleop['joy.layout'], teleop['person']) == (0.3, 'raw', 'Ada')
    assert teleop['joy.axes'] == VALUES['axes']


def test_a_file_that_would_be_wrong_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / 'cell.yaml'
    text = 'cell: {ros__parameters: {nodes: [teleop]}}\n'
    path.write_text(text)
    with pytest.raises(ConfigurationError, match='one of them must be dead_man'):
        set_part(path, 'teleop', 'joy', {**VALUES, 'buttons': ['stop', '']})
    assert path.read_text() == text
