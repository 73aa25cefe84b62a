"""Launch files as texts; this runs where launch is absent, too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / 'launch').glob('*.launch.py'))
CELLS = {'reward', 'sim', 'learn', 'franka', 'ur', 'piper', 'gazebo'}
# Launch may run under another Python than the nodes, with ROS and NumPy alone.
ALLOWED = {'ament_index_python', 'launch', 'launch_ros', 'robo_dopamine_ros'}
OURS = {'ros.vendor_packages', 'ros.shared_memory', 'types'}
STANDARD = {'json', 'pathlib', 'shlex', 'subprocess'}
ON_DEMAND = {'xacro', 'moveit_configs_utils'}  # inside functions that need them


def name_of(path: Path) -> str:
    return path.name.removesuffix('.launch.py')


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def calls(path: Path, function: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == function:
            yield node


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg or '': keyword.value for keyword in call.keywords}


def arguments(path: Path) -> dict[str, dict[str, ast.expr]]:
    """Arguments that are declared by a name of their own."""
    found = {}
    for call in calls(path, 'DeclareLaunchArgument'):
        if isinstance(call.args[0], ast.Constant):
            found[call.args[0].value] = keywords(call)
    return found


def table(path: Path, name: str) -> ast.expr:
    return next(
        node.value
        for node in tree(path).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == name
    )


def test_there_is_one_for_every_cell() -> None:
    assert {name_of(path) for path in FILES} == CELLS | {'cell'}


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_it_says_what_it_starts_and_takes(path: Path) -> None:
    assert ast.get_docstring(tree(path))
    for name, given in arguments(path).items():
        assert {'default_value', 'description'} <= set(given), f'{name} lacks one of them'
        description = given['description']
        assert isinstance(description, ast.Constant)
        assert len(description.value) > 5, f'{name}: {description.value!r} tells nothing'


def test_the_arguments_of_any_cell_are_described() -> None:
    listed = table(ROOT / 'launch' / 'cell.launch.py', 'ARGUMENTS')
    assert isinstance(listed, ast.Dict)
    for key, value in zip(listed.keys, listed.values, strict=True):
        if isinstance(key, ast.Constant):
            assert isinstance(value, ast.Tuple)
            default, description = map(ast.literal_eval, value.elts)
            assert isinstance(default, str), key.value
            assert len(description) > 20, key.value


@pytest.mark.parametrize('name', sorted(CELLS))
def test_its_cells_are_shipped(name: str) -> None:
    path = ROOT / 'launch' / f'{name}.launch.py'
    default = arguments(path)['config']['default_value']
    chosen = default if isinstance(default, ast.Constant) else table(path, 'CONFIGS')
    value = ast.literal_eval(chosen)
    configs = list(value.values()) if isinstance(value, dict) else [value]
    assert configs[0] == name
    assert all((ROOT / 'config' / f'{config}.yaml').is_file() for config in configs)


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_it_needs_nothing_but_launch(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or '']
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            top, _, rest = module.partition('.')
            late = node.col_offset > 0 and top in ON_DEMAND
            assert late or top in ALLOWED | STANDARD, f'{module} may not be there'
            assert top != 'robo_dopamine_ros' or rest in OURS, f'{module} may need more'


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_the_files_it_names_exist(path: Path) -> None:
    texts = [node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant)]
    named = {
        text
        for text in texts
        if isinstance(text, str) and text.endswith(('.yaml', '.xml', '.sdf', '.urdf'))
    }
    there = {found.name for folder in ('config', 'models') for found in (ROOT / folder).rglob('*')}
    assert named <= there


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_vendors_are_checked_before_anything_starts(path: Path) -> None:
    if 'driver' not in arguments(path):
        return
    (description,) = (c for c in calls(path, 'LaunchDescription'))
    order = [ast.unparse(element) for element in description.args[0].elts]  # type: ignore[attr-defined]
    check, cell, driver = (
        next(i for i, text in enumerate(order) if word in text)
        for word in ('function=check', 'cell', 'function=driver')
    )
    assert check < cell < driver
