"""Output folder and common arguments of verbs that run a cell and write a report."""

import argparse
import time
from pathlib import Path

from robo_dopamine_ros.cli.dds_domain import add_domain_argument


class OutputError(ValueError):
    """The output folder cannot be used."""


def add_cell_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    """Declare the arguments of every verb that runs a cell and writes a report."""
    parser.add_argument(
        '--model',
        metavar='MODEL_DIR',
        type=Path,
        help='folder of the reward model (default: the one shipped)',
    )
    parser.add_argument(
        '--out', metavar='DIR', type=Path, help=f'folder for the report (default: runs/{verb}/..)'
    )
    parser.add_argument('--verbose', action='store_true', help='show the output of all processes')
    add_domain_argument(parser)


def resolve_model(path: Path | None) -> Path | None:
    """Absolute path of a model folder, None for the default; raises FileNotFoundError."""
    if path and not path.is_dir():
        raise FileNotFoundError(2, 'no such model folder', str(path))
    return path and path.resolve()


def make_output_dir(path: Path | None, verb: str, name: str) -> Path:
    """Create the output folder, by default under `runs`; raises OutputError if it is not empty."""
    stamp = time.strftime('%Y%m%d-%H%M%S')
    folder = path or Path('runs') / verb / f'{stamp}-{name}'
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f'{folder}: not an empty folder; nothing is written over')
    folder.mkdir(parents=True, exist_ok=True)
    return folder
