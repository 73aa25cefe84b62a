"""Reading an answer that was written freely, as the authors' script does it.

Theirs takes what it cannot read for 0; here that is no answer.
"""

import re

OPEN, CLOSE = '<score>', '</score>'
NUMBER = re.compile(r'\s*([+-]?)\s*(\d+\.?\d*|\.\d+)\s*%?\s*', re.ASCII)


def parse(text: str) -> float | None:
    """Percent within -100..100 of the last score in a text; None where there is none.

    What lies outside is taken for the nearest end, as the authors do.
    """
    _, opened, rest = text.rpartition(OPEN)
    inside, closed, _ = rest.partition(CLOSE)
    found = NUMBER.fullmatch(inside) if opened and closed else None
    if found is None:
        return None
    sign, digits = found.groups()
    size = min(float(digits), 100.0)
    return -size if sign == '-' and size else size
