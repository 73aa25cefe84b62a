"""The order of numbered names: 1, 2, 10, and not 1, 10, 2."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from robo_dopamine_ros.data.errors import EpisodeError

NUMBER = re.compile(r'(\d+)')


def numbered(paths: Sequence[Path]) -> list[Path]:
    """Sort files of one folder by the numbers in their names, which differ in nothing else.

    Raises EpisodeError, which names two files, where the names leave the order open.
    """
    by_key: dict[tuple[int, ...], Path] = {}
    for path in sorted(paths):
        key = tuple(int(number) for number in NUMBER.findall(path.stem))
        if key in by_key:
            raise _unordered(by_key[key], path, 'do not differ in a number')
        by_key[key] = path
    ordered = [by_key[key] for key in sorted(by_key)]
    for path in ordered[1:]:
        if _text(path) != _text(ordered[0]):
            raise _unordered(ordered[0], path, 'differ in more than numbers')
    _check_decimals(ordered)
    return ordered


def natural(paths: Iterable[Path]) -> list[Path]:
    """Sort paths by the names in them, numbers within names by value."""
    return sorted(paths, key=lambda path: [_pieces(name) for name in path.parts])


def _pieces(name: str) -> list[tuple[int, str]]:
    parts = NUMBER.split(name)  # text, number, text ..
    return [(int(part) if index % 2 else 0, part) for index, part in enumerate(parts)]


def _text(path: Path) -> list[str]:
    """What is left of a name without its numbers."""
    return NUMBER.split(path.stem)[::2]


def _check_decimals(ordered: Sequence[Path]) -> None:
    """Of 1.5 and 1.25 one comes first as decimals and the other as numbers of a version."""
    text = _text(ordered[0]) if ordered else []
    for index in range(1, len(text) - 1):
        if text[index] != '.':
            continue
        by_digits = {len(NUMBER.findall(path.stem)[index]): path for path in ordered}
        if len(by_digits) > 1:
            one, other = list(by_digits.values())[:2]
            raise _unordered(one, other, 'have decimals of different length')


def _unordered(one: Path, other: Path, why: str) -> EpisodeError:
    return EpisodeError(
        f'{one.parent}: the order of {one.name} and {other.name} is open, because they {why}; '
        'name the pictures 000000, 000001 .. in the order of time'
    )
