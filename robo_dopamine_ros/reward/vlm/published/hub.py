"""Getting a checkpoint from the model hub, once; later the copy on disk is used."""

import importlib
import re
from pathlib import Path
from typing import Any

from tqdm import tqdm

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report

NAME = re.compile(r'[\w.-]+/[\w.-]+')
WANTED = ('*.json', '*.safetensors', '*.jinja')


def find(name: str | Path, report: Report, endpoint: str | None = None) -> Path:
    """A local folder, or that of a name on the hub; ModelError saying how to get one.

    `endpoint` is the address of the hub; None: the usual one, or what the environment says.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ModelError(f'{folder} is a file; give the folder that it is in')
    if not NAME.fullmatch(str(name)):
        raise ModelError(f'{folder} is no folder, and no name on the hub (owner/model) either')
    return download(str(name), report, endpoint)


def download(name: str, report: Report, endpoint: str | None = None) -> Path:
    """Folder of a hub checkpoint on disk, downloaded as far as it is not there."""
    hub: Any = importlib.import_module('huggingface_hub')
    faults: Any = importlib.import_module('huggingface_hub.errors')
    by_hand = 'or copy the folder of the checkpoint here and give its path'
    try:
        return Path(
            hub.snapshot_download(
                name, allow_patterns=list(WANTED), tqdm_class=bar(report), endpoint=endpoint
            )
        )
    except faults.GatedRepoError as error:
        told = f'the hub gives {name!r} only to those whom its owner lets in'
        raise ModelError(f'{told}; ask there, log in with `hf auth login`, {by_hand}') from error
    except (faults.RepositoryNotFoundError, faults.HFValidationError) as error:
        told = f'{name!r} is no folder here, and the hub knows no such model'
        raise ModelError(f'{told}; check the spelling, {by_hand}') from error
    except Exception as error:  # of the hub, of its web client, of the disk: no common ancestor
        told = f'{name!r} is no folder here, and the hub does not answer'
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f'{told} ({first}); connect this machine once, {by_hand}') from error


def bar(report: Report) -> type:
    """A progress bar that shows nothing and reports the bytes downloaded."""

    class Silent(tqdm):
        def __init__(self, *values: Any, **options: Any) -> None:
            self.bytes = options.get('unit') == 'B'
            super().__init__(*values, **{**options, 'disable': True})

        def update(self, n: float | None = 1) -> None:
            """Count, though nothing is shown."""
            self.n += n or 0
            if self.bytes and self.total:
                report(min(self.n / self.total, 1.0), 'downloading')

    return Silent
