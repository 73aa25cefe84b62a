"""The progress bar of work that tells its share done; on stderr, so that stdout stays clean."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

LAYOUT = '{desc} {percentage:3.0f}%|{bar}| {elapsed} < {remaining}'


@contextmanager
def bar() -> Iterator[Callable[[float, str], None]]:
    """Give what moves the bar to a share done, 0..1, and says at what; shown from its first call.

    It is closed when all is done, so that other bars may follow below it.
    """
    shown: list[tqdm[Any]] = []

    def show(done: float, doing: str) -> None:
        if not shown:
            shown.append(tqdm(total=1.0, bar_format=LAYOUT, file=sys.stderr))
        shown[0].set_description_str(doing, refresh=False)
        shown[0].update(done - shown[0].n)
        if done >= 1.0:
            shown.pop().close()

    try:
        yield show
    finally:
        for one in shown:
            one.close()


def say_json(share: float, what: str) -> None:
    """Tell the same to machines, one line on stdout."""
    print(json.dumps({'fraction': round(share, 4), 'stage': what}), flush=True)
