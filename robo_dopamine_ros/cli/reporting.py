"""Where results go, and the report of an episode."""

import json
import time
from collections.abc import Mapping, Sequence
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


def write_report(
    series: Series,
    shots: Sequence[Shot],
    views: Sequence[str],
    folder: Path,
    facts: Mapping[str, Any],
    name: str = 'report',
) -> dict[str, Any]:
    """Write NAME.json and NAME.png into a folder and give the summary."""
    from robo_dopamine_ros.data.report import draw

    summary = {**facts, **summarise(series)}
    told = {'summary': summary, 'series': plain(series)}
    text = json.dumps(told, allow_nan=False, indent=1)
    (folder / f'{name}.json').write_text(text + '\n', encoding='utf-8')
    draw(series, shots, views, headline(summary), folder / f'{name}.png')
    return summary
