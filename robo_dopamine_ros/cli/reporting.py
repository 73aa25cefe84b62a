"""Where results go, and the report of an episode."""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robo_dopamine_ros.cli.summary import headline, summarise
from robo_dopamine_ros.data.filmstrip import Shot
from robo_dopamine_ros.data.series import Series, plain


class OutputError(ValueError):
    """A folder that results cannot go to."""


def add_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    """Declare what every verb takes that runs a cell and reports on it."""
    parser.add_argument(
        '--model',
        metavar='MODEL_DIR',
        type=Path,
        help='folder of the reward model (default: the one shipped)',
    )
    parser.add_argument(
        '--out', metavar='DIR', type=Path, help=f'folder for the report (default: runs/{verb}/..)'
    )
    parser.add_argument('--verbose', action='store_true', help='show all the processes say')


def check_model(chosen: Path | None) -> Path | None:
    """The absolute path of the model folder that was chosen; FileNotFoundError without one."""
    if chosen and not chosen.is_dir():
        raise FileNotFoundError(2, 'no such model folder', str(chosen))
    return chosen and chosen.resolve()


def make_folder(chosen: Path | None, verb: str, name: str) -> Path:
    """Create the folder for results: the one chosen, or a new one under runs/."""
    stamp = time.strftime('%Y%m%d-%H%M%S')
    folder = chosen or Path('runs') / verb / f'{stamp}-{name}'
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f'{folder}: not an empty folder; nothing is written over')
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Account:
    """One episode as it is told: its curves, its pictures and its numbers."""

    series: Series
    shots: Sequence[Shot]
    views: Sequence[str]
    summary: Mapping[str, Any]


def account(series: Series, shots: Sequence[Shot], views: Sequence[str], **facts: Any) -> Account:
    """Sum an episode up; `facts` are told beside the numbers."""
    return Account(series, shots, views, {**facts, **summarise(series)})


def write_report(accounts: Sequence[Account], folder: Path) -> Path:
    """Write report.json, with one object per episode, and report.png; gives the picture's path."""
    from robo_dopamine_ros.data import report

    told = [{'summary': a.summary, 'series': plain(a.series)} for a in accounts]
    text = json.dumps({'episodes': told}, allow_nan=False, indent=1)
    (folder / 'report.json').write_text(text + '\n', encoding='utf-8')
    pages = [report.page(a.series, a.shots, a.views, headline(a.summary)) for a in accounts]
    report.write(pages, folder / 'report.png')
    return folder / 'report.png'
