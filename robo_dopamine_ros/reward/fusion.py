"""Three perspectives into one progress (arXiv 2512.23703, Eq 8, and Eq 9 to 11)."""

import math


def mean_fusion(incremental: float, forward: float, backward: float | None) -> float:
    """Eq 8: the mean of the perspectives there are; without a goal that is two."""
    perspectives = [incremental, forward] if backward is None else [incremental, forward, backward]
    return sum(perspectives) / len(perspectives)


def disagreement(forward: float, backward: float, epsilon: float) -> float:
    """Eq 9: distance of the two global perspectives relative to their mean, 0 or more.

    Both are clamped to 0..1 first, else a negative forward hop could turn the mean negative.
    """
    forward, backward = _unit(forward), _unit(backward)
    return abs(backward - forward) / ((forward + backward) / 2.0 + epsilon)


def consistency(
    forward: float, backward: float | None, *, alpha: float, epsilon: float, floor: float
) -> float:
    """Eq 10: weight within floor..1 of a reading by how well its global perspectives agree.

    Without a goal there is nothing to compare, so the weight is 1. The floor is ours: early on a
    disagreement of one percent would zero the weight, and progress could never leave 0 again.
    """
    if backward is None:
        return 1.0
    return max(floor, math.exp(-alpha * disagreement(forward, backward, epsilon) ** 2))


def conservative_update(
    previous: float, incremental: float, forward: float, backward: float | None, weight: float
) -> float:
    """Eq 11 in its convex form: move by `weight` from the previous progress to the new evidence.

    The evidence is half the incremental progress and half the mean of the global ones. With
    `incremental` built on `previous` (the paper's recursion) this is Eq 11 to the letter.
    """
    forward = _unit(forward)
    middle = forward if backward is None else (forward + _unit(backward)) / 2.0
    return _unit((1.0 - weight) * previous + weight * (middle + incremental) / 2.0)


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
