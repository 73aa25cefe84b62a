"""The folder that an adaptation writes: unfinished, it holds a training; finished, a checkpoint."""

import shutil
from pathlib import Path

from robo_dopamine_ros.reward.goal import GOAL
from robo_dopamine_ros.reward.grm import ModelError

WORK = 'training'  # there while unfinished
ADAPTER, CARD = 'adapter', 'adaptation.json'
CONFIG = 'config.json'  # moved into place last: with it a folder is a checkpoint
ROOM = 1.05  # a file system needs a little more than the files


def refuse_used(folder: Path) -> None:
    """Refuse a folder that holds anything but an unfinished training."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if (folder / CARD).exists() and (folder / CONFIG).exists():
        shutil.rmtree(folder / WORK, ignore_errors=True)  # stopped while tidying up
        raise ValueError(f'{folder} holds a finished adaptation; give a new folder')
    if not (folder / WORK).is_dir():
        raise ValueError(f'{folder} is not empty; give a new folder, nothing is written over')


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold; `needed` in bytes."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < ROOM * needed:
        raise ModelError(
            f'{folder}: {free / 1e9:.1f} GB free on its disk, {ROOM * needed / 1e9:.1f} GB needed '
            'for the adapted model and what is kept meanwhile; free some or choose another disk'
        )


def put_in_place(result: Path, folder: Path) -> None:
    """Move everything up and remove what is unfinished."""
    for name in (ADAPTER, GOAL):
        shutil.rmtree(folder / name, ignore_errors=True)  # of a move that was cut short
    for path in sorted(result.iterdir(), key=lambda path: (path.name == CONFIG, path.name)):
        path.replace(folder / path.name)
    shutil.rmtree(folder / WORK)
