"""What the axes and buttons of a device do, told by name in the device's own order."""

from collections.abc import Sequence

import numpy as np

from robo_dopamine_ros.teleop.reading import BadReadingError, Press

MOTIONS = ('x', 'y', 'z', 'roll', 'pitch', 'yaw')
SQUEEZE, OPENING = 'squeeze', 'opening'  # 0 at rest, +-1 closed; or -1 closed .. 1 open
AXES = (*MOTIONS, SQUEEZE, OPENING)
DEAD_MAN, TILT = 'dead_man', 'tilt'  # buttons that count while they are held
BUTTONS = (DEAD_MAN, TILT, *(press.value for press in Press))


class Axes:
    """Reads motion and gripper from values in the device's order."""

    def __init__(self, names: Sequence[str], scales: Sequence[float]):
        """A name is one of AXES, with '-' turned around, or empty; scales go with the names."""
        self.count = 1 + max((i for i, name in enumerate(names) if name), default=-1)
        self.names = tuple(names)
        self._gripper: dict[int, tuple[str, float]] = {}
        self._matrix = np.zeros((6, len(names)))
        for index, (name, scale) in enumerate(zip(names, scales, strict=True)):
            bare, sign = name.removeprefix('-'), -1.0 if name.startswith('-') else 1.0
            if bare in MOTIONS:
                self._matrix[MOTIONS.index(bare), index] = sign * scale
            elif bare:
                self._gripper[index] = (bare, sign)

    def motion(self, shares: np.ndarray) -> np.ndarray:
        """Share (6,) of the full pace, -1..1, of what the axes say."""
        return np.clip(self._matrix @ shares[: self._matrix.shape[1]], -1.0, 1.0)

    def opening(self, values: np.ndarray) -> float | None:
        """The opening the axes ask for, 0 closed .. 1 open; None without such an axis."""
        for index, (kind, sign) in self._gripper.items():
            value = sign * float(values[index])
            return min(1.0, max(0.0, 1.0 - abs(value) if kind == SQUEEZE else (1.0 + value) / 2.0))
        return None


class Buttons:
    """Tells which buttons are held and which went down; those down at the first look did not."""

    def __init__(self, names: Sequence[str]):
        """A name is one of BUTTONS or empty."""
        self.count = 1 + max((i for i, name in enumerate(names) if name), default=-1)
        self._names = tuple(names)
        self._before: tuple[bool, ...] | None = None

    def update(self, values: Sequence[int]) -> tuple[frozenset[str], frozenset[Press]]:
        """Names of the buttons that are held, and what was pressed since the last call."""
        now = tuple(bool(value) for value in values)
        named = list(zip(self._names, now, self._before or now, strict=False))
        self._before = now
        held = frozenset(name for name, down, _ in named if name and down)
        fell = {name for name, down, before in named if name and down and not before}
        return held, frozenset(Press(name) for name in fell - {DEAD_MAN, TILT})


def check_axes(what: str, names: Sequence[str], known: Sequence[str] = AXES) -> None:
    """Raise ValueError for names that are none, or that stand twice."""
    _check(what, [name.removeprefix('-') for name in names if name], known)


def check_buttons(what: str, names: Sequence[str], dead_man: bool = True) -> None:
    """Raise ValueError for names that are none, that stand twice, or lack the dead-man."""
    given = [name for name in names if name]
    _check(what, given, BUTTONS)
    if dead_man and DEAD_MAN not in given:
        raise ValueError(f'{what} = {tuple(names)}; one of them must be dead_man')


def _check(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f'{what}: {name!r}; it must be one of {", ".join(known)} or empty')
        if given.count(name) > 1:
            raise ValueError(f'{what}: {name} stands {given.count(name)} times; once is right')


def finite(what: str, values: Sequence[float] | np.ndarray, least: int) -> np.ndarray:
    """Give the values as an array; BadReadingError for too few, and for what is no number."""
    array = np.asarray(values, dtype=float)
    if len(array) < least:
        raise BadReadingError(f'{what}: {len(array)} values; there must be {least} or more')
    if not np.isfinite(array).all():
        raise BadReadingError(f'{what}: {array.tolist()}; every value must be a finite number')
    return array
