"""JSON files, with errors that name file and line."""

import json
from pathlib import Path
from typing import Any

from robo_dopamine_ros.data.errors import EpisodeError


def read(path: Path) -> Any:
    """Parse a file; raises EpisodeError."""
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise EpisodeError(
            f'{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}'
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EpisodeError(f'{path}: cannot be read: {error}') from None


def write(path: Path, value: Any) -> None:
    """Write indented JSON; ValueError for NaN, which JSON does not have."""
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + '\n', encoding='utf-8')
