"""Downloads checkpoints from the model hub; a copy on disk is used without asking the hub."""

import importlib
import re
from pathlib import Path
from typing import Any

from tqdm import tqdm

from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback

HUB_NAME = re.compile(r'[\w.-]+/[\w.-]+')
DOWNLOAD_PATTERNS = ('*.json', '*.safetensors', '*.jinja')


def find_checkpoint(
    name: str | Path, report: ProgressCallback, endpoint: str | None = None
) -> Path:
    """Local folder of a checkpoint, given as a path or a hub name; ModelError says how to get it.

    `endpoint` is the address of the hub; None: its default, or that of the environment.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ModelError(f'{folder} is a file; give the folder that it is in')
    if not HUB_NAME.fullmatch(str(name)):
        raise ModelError(f'{folder} is no folder, and no name on the hub (owner/model) either')
    hub: Any = importlib.import_module('huggingface_hub')
    errors: Any = importlib.import_module('huggingface_hub.errors')
    by_hand = 'or copy the folder of the checkpoint here and give its path'
    try:
        return Path(
            hub.snapshot_download(
                str(name),
                allow_patterns=list(DOWNLOAD_PATTERNS),
                tqdm_class=progress_class(report),
                endpoint=endpoint,
            )
        )
    except errors.GatedRepoError as error:
        reason = f'the hub gives {str(name)!r} only to those whom its owner lets in'
        raise ModelError(f'{reason}; ask there, log in with `hf auth login`, {by_hand}') from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        reason = f'{str(name)!r} is no folder here, and the hub knows no such model'
        raise ModelError(f'{reason}; check the spelling, {by_hand}') from error
    except Exception as error:  # of the hub, its web client or the disk: no common base class
        reason = f'{str(name)!r} is no folder here, and the hub does not answer'
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f'{reason} ({first}); connect this machine once, {by_hand}') from error


def progress_class(report: ProgressCallback) -> type:
    """A tqdm class that shows nothing and reports the share of bytes downloaded."""

    class ReportingTqdm(tqdm):
        def __init__(self, *values: Any, **options: Any) -> None:
            self.bytes = options.get('unit') == 'B'
            super().__init__(*values, **{**options, 'disable': True})

        def update(self, n: float | None = 1) -> None:
            """Report progress; tqdm itself does nothing when disabled."""
            self.n += n or 0
            if self.bytes and self.total:
                report(min(self.n / self.total, 1.0), 'downloading')

    return ReportingTqdm
