"""Telling how far long work is."""

from collections.abc import Callable

Report = Callable[[float, str], None]  # share done 0..1, what is going on


def silent(share: float, what: str) -> None:
    """Tell nobody."""


def part(report: Report, first: float, last: float) -> Report:
    """Tell of one part of the work as that of the whole, from `first` to `last`."""
    return lambda share, what: report(first + share * (last - first), what)
