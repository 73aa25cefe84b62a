"""Environment variables of our processes, so that no setup file must be sourced.

Importing this module needs no ROS; `activate` makes `robo_dopamine.msg` importable.
"""

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = 'robo_dopamine'
SOURCE_DIR = Path(__file__).resolve().parents[2]  # the folder that holds robo_dopamine_ros


class NotBuiltError(RuntimeError):
    """The interfaces of this package, or a shipped file, are not found."""


def find_prefix(env: Mapping[str, str] = os.environ) -> Path | None:
    """Return the prefix of the built package: a sourced one first, then `install/`; None: none."""
    sourced = [Path(p) for p in env.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    around = Path(__file__).absolute().parents  # this file may itself lie in an install folder
    for prefix in (*sourced, SOURCE_DIR / 'install' / PACKAGE, *around):
        if (prefix / 'share' / PACKAGE / 'package.xml').exists():
            return prefix
    return None


def shared_path(name: str) -> Path:
    """Return the path of a shipped file or folder, as `config/fastdds.xml`; or NotBuiltError."""
    prefix = find_prefix()
    folders = [SOURCE_DIR, *([prefix / 'share' / PACKAGE] if prefix else [])]
    for folder in folders:
        if (path := folder / name).exists():
            return path
    raise NotBuiltError(f'no {name} in {" or ".join(map(str, folders))}')


def process_environment(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return a copy of `env` with the variables of our processes added; those set are kept.

    DDS keeps to this machine unless `ROS_AUTOMATIC_DISCOVERY_RANGE` (Humble:
    `ROS_LOCALHOST_ONLY`) says otherwise. Raises NotBuiltError without built interfaces.
    """
    prefix = find_prefix(env)
    if prefix is None:
        raise NotBuiltError(
            f'no {PACKAGE} in {SOURCE_DIR / "install"} or AMENT_PREFIX_PATH: build it'
        )
    result = dict(env)
    _prepend(result, 'PYTHONPATH', [SOURCE_DIR, *_site_packages(prefix)])
    _prepend(result, 'AMENT_PREFIX_PATH', [prefix, Path(sys.prefix)])
    _prepend(result, 'LD_LIBRARY_PATH', [prefix / 'lib'])
    result.setdefault('FASTRTPS_DEFAULT_PROFILES_FILE', str(shared_path('config/fastdds.xml')))
    result.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    if env.get('ROS_DISTRO') == 'humble':
        result.setdefault('ROS_LOCALHOST_ONLY', '1')
    return result


def activate() -> None:
    """Apply `process_environment` to this process and those it starts.

    The loader reads LD_LIBRARY_PATH only when a process starts, so the libraries are loaded here.
    """
    os.environ.update(process_environment())
    prefix = find_prefix()
    assert prefix is not None  # process_environment has raised otherwise
    sys.path[:0] = [str(p) for p in _site_packages(prefix) if str(p) not in sys.path]
    for library in sorted((prefix / 'lib').glob(f'lib{PACKAGE}__*.so')):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def _site_packages(prefix: Path) -> list[Path]:
    """Return the Python folders of a prefix; Debian has them below `local`."""
    return [p for base in ('lib', 'local/lib') for p in prefix.glob(f'{base}/python3*/*-packages')]


def _prepend(env: dict[str, str], name: str, folders: list[Path]) -> None:
    """Prepend folders to a path variable, each only once."""
    present = [p for p in env.get(name, '').split(os.pathsep) if p]
    new = [str(f) for f in folders if str(f) not in present]
    env[name] = os.pathsep.join([*new, *present])
