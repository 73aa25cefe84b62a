"""Where results go, and the report of an episode."""

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
