"""Output folder and common arguments of verbs that run a cell and write a report."""

import argparse
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from robo_dopamine_ros.cli.dds_domain import add_domain_argument
from robo_dopamine_ros.cli.option_types import OutputError, check_writable_dir, output_dir
from robo_dopamine_ros.grm.model_path import existing_model

LOGS = 'logs'  # folder of log files in an output folder


def add_cell_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    """Declare the arguments of every verb that runs a cell and writes a report."""
    parser.add_argument(
        '--model',
        metavar='MODEL',
        type=Path,
        help='folder of the reward model, or its name on the hub (default: the one shipped)',
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        type=output_dir,
        help=f'folder for the report (default: runs/{verb}/..)',
    )
    parser.add_argument('--verbose', action='store_true', help='show the output of all processes')
    add_domain_argument(parser)


def resolve_model(path: Path | None) -> Path | None:
    """Path of a model folder or its name on the hub, None: the default; FileNotFoundError."""
    return path and existing_model(path)


def make_output_dir(path: Path | None, verb: str, name: str) -> Path:
    """Create the output folder, by default under `runs`; raises OutputError if it is not empty.

    Log files that a failed start left there are no content.
    """
    stamp = time.strftime('%Y%m%d-%H%M%S')
    folder = path or Path('runs') / verb / f'{stamp}-{name}'
    if folder.exists() and (not folder.is_dir() or _content(folder)):
        resume = f'; `robo-dopamine train --resume {folder}` goes on with the run in it'
        advice = resume if (folder / 'run.json').is_file() else ''
        raise OutputError(f'{folder}: not an empty folder; nothing is written over{advice}')
    check_writable_dir(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def open_output_dir(
    path: Path | None, verb: str, name: str, keep: Callable[[Path, BaseException], bool]
) -> Iterator[Path]:
    """Create the output folder, as `make_output_dir` does, and remove it after an error.

    What was made stays if `keep` says so of the folder and the error; otherwise the same command,
    corrected, finds its folder as before.
    """
    existed = path is not None and path.exists()
    folder = make_output_dir(path, verb, name)
    try:
        yield folder
    except BaseException as error:
        if not keep(folder, error):
            shutil.rmtree(folder)
            if existed:
                folder.mkdir()
        raise


def is_failure(_: Path, error: BaseException) -> bool:
    """Keep the log files of a verb that failed, not of one that was interrupted."""
    return not isinstance(error, KeyboardInterrupt)


def _content(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != LOGS]
