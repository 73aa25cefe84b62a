"""The cache folder of the user, for files that can be downloaded or built again."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """The cache folder; it may not exist yet and may be deleted at any time."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'robo_dopamine'
