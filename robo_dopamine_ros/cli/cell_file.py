"""Changes one part of a cell file, and leaves its other lines and comments as they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from robo_dopamine_ros.nodes.cell_config import (
    CELL,
    SECTION,
    ConfigurationError,
    check_config,
    read_config,
)


def set_part(path: Path, node: str, part: str, values: Mapping[str, Any]) -> None:
    """Set keys of `node: ros__parameters: part:` in a file; ConfigurationError if it then fails.

    Other keys of the part are kept, its comments are not.
    """
    before = path.read_text(encoding='utf-8')
    read_config(path)
    section = (yaml.safe_load(before).get(node) or {}).get(SECTION) or {}
    kept = {key: value for key, value in (section.get(part) or {}).items() if key not in values}
    lines = _without(before.splitlines(), node, part, values)
    block = yaml.safe_dump({part: {**kept, **values}}, default_flow_style=None, sort_keys=False)
    place = _place(lines, node)
    indented = [f'    {line}' for line in block.splitlines()]
    if place is None:
        lines += [f'{node}:', f'  {SECTION}:', *indented]
    else:
        depth = len(lines[place]) - len(lines[place].lstrip())
        lines[place + 1 : place + 1] = [' ' * (depth - 2) + line for line in indented]
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    try:
        check_config({CELL: {'nodes': [node]}, node: read_config(path)[node]})
    except ConfigurationError:
        path.write_text(before, encoding='utf-8')
        raise


def _place(lines: list[str], node: str) -> int | None:
    """Return the index of the line `ros__parameters:` of a node; None without one."""
    inside = False
    for index, line in enumerate(lines):
        if line and not line[0].isspace() and not line.startswith('#'):
            inside = line.split('#')[0].strip() == f'{node}:'
        elif inside and line.split('#')[0].strip() == f'{SECTION}:':
            return index
    return None


def _without(lines: list[str], node: str, part: str, values: Mapping[str, Any]) -> list[str]:
    """Return the lines without the part of a node, and without `part.key` of its new values."""
    place = _place(lines, node)
    if place is None:
        return lines
    base, dropped = len(lines[place]) - len(lines[place].lstrip()), None
    result = lines[: place + 1]
    for index, line in enumerate(lines[place + 1 :], place + 1):
        depth, key = len(line) - len(line.lstrip()), line.split(':')[0].strip()
        if line.strip() and depth <= base:
            return result + lines[index:]
        if dropped is not None and line.strip() and depth <= dropped:
            dropped = None
        if dropped is None and key in (part, *(f'{part}.{name}' for name in values)):
            dropped = depth
        if dropped is None:
            result.append(line)
    return result
