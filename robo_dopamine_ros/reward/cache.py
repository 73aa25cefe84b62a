"""Where things that can be fetched or built again are kept for this user."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder, which may not be there yet and may be deleted at any time."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'robo_dopamine'
