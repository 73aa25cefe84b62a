"""The direction of imports, and what no file may name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ROOT / 'robo_dopamine_ros'
FILES = sorted(path for path in CODE.rglob('*.py') if path != CODE / '__init__.py')
NOUNS = {'types', 'geometry'}
PARTS = {  # what each part may import of this package, beside itself and the nouns
    'safety': set[str](),
    'arms': set[str](),
    'teleop': set[str](),
    'data': set[str](),
    'episodes': set[str](),
    'sim': set[str](),
    'grm': {'checkpoint'},
    'reward': {'grm.protocol', 'grm.hops'},
    'experience': {'reward.shaping'},
    'policy': {'experience.types', 'checkpoint'},
    'learning': {'experience', 'policy', 'checkpoint'},
}
COMPOSITES = {'training', 'envs'}  # parts that may compose all others
MAY_IMPORT = {
    'types': set[str](),
    'clock': set[str](),
    'geometry': {'types'},
    'checkpoint': set[str](),
    **{part: NOUNS | others for part, others in PARTS.items()},
    **{part: {*NOUNS, 'checkpoint', *PARTS, *COMPOSITES} for part in COMPOSITES},
    'ros': {*NOUNS, 'clock', 'arms.arm'},
    'nodes': {*NOUNS, 'clock', 'checkpoint', 'ros', *PARTS, *COMPOSITES},
    'cli': {*NOUNS, 'clock', 'checkpoint', 'ros', 'nodes', '__version__', *PARTS, *COMPOSITES},
}
ROS = re.compile(
    r'(rclpy|launch|launch_ros|tf2_ros|message_filters|cv_bridge|robo_dopamine|\w+_msgs)$'
)
TORCH = {'grm', 'policy', 'learning', 'training', 'checkpoint'}
HOMES = (  # a library, and the parts that may know it
    (ROS, {'ros', 'nodes'}),
    (re.compile('(torch|transformers|onnx|onnxruntime|tensorrt)$'), TORCH),
    (re.compile('mujoco$'), {'sim', 'envs'}),
    (re.compile('gymnasium$'), {'envs', 'training', 'sim'}),
    (re.compile('pinocchio$'), {'arms'}),
    (re.compile('av$'), {'data'}),
)
NAMELESS = {'utils', 'common', 'core', 'helpers', 'managers'}
NOT_OURS = re.compile(r'\.(?!ci$|git\w)|(build|install|log|runs|__pycache__)$|.*\.egg-info$')
FORBIDDEN = {
    'a package index': re.compile(
        r'\bpypi\.\w+|python[h]osted|download\.pytorch|index-url[ =]\w+:'
    ),
    'a path of one machine': re.compile(r'(?<![\w.])/(root|work)/\w|/hom[e]/\w|\.pyen[v]/'),
}


def imported(path: Path) -> Iterator[str]:
    """Every module the file imports, at any depth, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: use absolute imports'
            assert node.module
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def within(name: str, allowed: set[str]) -> bool:
    return any(f'{name}.'.startswith(f'{prefix}.') for prefix in allowed)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    part = path.relative_to(CODE).parts[0].removesuffix('.py')
    assert part in MAY_IMPORT, f'{part} is not a part of the layout'
    for name in imported(path):
        top, _, rest = name.partition('.')
        if top == CODE.name:
            assert within(rest, MAY_IMPORT[part] | {part}), f'{part} must not import {name}'
        for library, homes in HOMES:
            assert not library.match(top) or part in homes, f'{part} must not know {top}'


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_no_file_is_a_drawer(path: Path) -> None:
    assert not NAMELESS & set(path.relative_to(CODE).with_suffix('').parts)


def texts() -> Iterator[tuple[Path, str]]:
    for path in sorted(ROOT.rglob('*')):
        if any(NOT_OURS.match(part) for part in path.relative_to(ROOT).parts):
            continue
        if path.is_file() and path.stat().st_size < 1_000_000:
            try:
                yield path, path.read_text(encoding='utf-8')
            except UnicodeDecodeError:
                continue  # pictures and weights


@pytest.mark.parametrize('what', FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = [
        f'{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}'
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert not found, f'these name {what}:\n' + '\n'.join(found)


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in (ROOT / 'test').rglob('test_*.py')]
    assert len(names) == len(set(names)), sorted({n for n in names if names.count(n) > 1})
