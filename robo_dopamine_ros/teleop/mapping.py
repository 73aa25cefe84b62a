"""Mapping of axes and buttons, by name in the device's own order, and of deflection to speed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.geometry import limit_twist
from robo_dopamine_ros.teleop.device import ButtonEvent, InvalidReadingError
from robo_dopamine_ros.types import require_positive

MOTIONS = ('x', 'y', 'z', 'roll', 'pitch', 'yaw')
SQUEEZE, OPENING = 'squeeze', 'opening'  # 0 open, +-1 closed; or -1 closed .. 1 open
DEAD_MAN, TILT, ENABLE = 'dead_man', 'tilt', 'enable'  # buttons that act while they are held
LEVELS = {DEAD_MAN, TILT, ENABLE}
AXES = (*MOTIONS, SQUEEZE, OPENING, ENABLE)  # enable: held beyond half of its negative side
BUTTONS = (DEAD_MAN, TILT, ENABLE, *(event.value for event in ButtonEvent))


class AxisMapping:
    """Maps axis values, in the device's order, to motion and gripper opening."""

    def __init__(self, names: Sequence[str], scales: Sequence[float]):
        """`names` are of AXES, inverted with a leading '-', or empty; one scale 0..1 for each."""
        needed = (i for i, name in enumerate(names) if name.removeprefix('-') not in ('', ENABLE))
        self.count = 1 + max(needed, default=-1)
        self._gripper: dict[int, tuple[str, float]] = {}
        self._enable: tuple[int, float] | None = None  # index and sign
        self._motions: dict[int, str] = {}
        self._matrix = np.zeros((6, len(names)))
        for index, (name, scale) in enumerate(zip(names, scales, strict=True)):
            bare, sign = name.removeprefix('-'), -1.0 if name.startswith('-') else 1.0
            if bare in MOTIONS:
                self._matrix[MOTIONS.index(bare), index] = sign * scale
                self._motions |= {index: bare} if scale > 0 else {}
            elif bare == ENABLE:
                self._enable = index, sign
            elif bare:
                self._gripper[index] = (bare, sign)

    def to_fractions(self, values: np.ndarray) -> np.ndarray:
        """Return the fraction (6,) of full speed, -1..1, from axis values (n,) in -1..1."""
        width = min(len(values), self._matrix.shape[1])
        return np.clip(self._matrix[:, :width] @ values[:width], -1.0, 1.0)

    def off_rest(self, values: np.ndarray, dead_zone: float) -> str:
        """Name a motion axis that is beyond the dead zone, with its value; empty: none is."""
        for index, name in self._motions.items():
            if abs(values[index]) > dead_zone:
                return f'axis {index} ({name}) reads {values[index]:.2f}'
        return ''

    def enabled(self, values: np.ndarray) -> bool:
        """Whether the axis of hold-to-run is beyond half; False without such an axis."""
        index, sign = self._enable or (len(values), 1.0)
        return index < len(values) and sign * float(values[index]) < -0.5

    def opening(self, values: np.ndarray) -> float | None:
        """Return the requested opening, 0 closed .. 1 open; None without such an axis."""
        for index, (kind, sign) in self._gripper.items():
            value = sign * float(values[index])
            return min(1.0, max(0.0, 1.0 - abs(value) if kind == SQUEEZE else (1.0 + value) / 2.0))
        return None


class ButtonTracker:
    """Tracks which buttons are held and which went down; at the first update none did."""

    def __init__(self, names: Sequence[str]):
        """`names` are of BUTTONS or empty, in the device's order."""
        self.count = 1 + max((i for i, name in enumerate(names) if name), default=-1)
        self._names = tuple(names)
        self._previous: tuple[bool, ...] | None = None

    def update(self, values: Sequence[int]) -> tuple[frozenset[str], frozenset[ButtonEvent]]:
        """Return the names of held buttons and the events of those that went down."""
        now = tuple(bool(value) for value in values)
        named = list(zip(self._names, now, self._previous or now, strict=False))
        self._previous = now
        held = frozenset(name for name, down, _ in named if name and down)
        pressed = {name for name, down, before in named if name and down and not before}
        return held, frozenset(ButtonEvent(name) for name in pressed - LEVELS)


def check_axes(what: str, names: Sequence[str], known: Sequence[str] = AXES) -> None:
    """Raise ValueError for unknown or repeated axis names."""
    _check(what, [name.removeprefix('-') for name in names if name], known)


def check_buttons(what: str, names: Sequence[str], dead_man: bool = True) -> None:
    """Raise ValueError for unknown or repeated button names, or a missing dead-man."""
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


def finite_array(what: str, values: Sequence[float] | np.ndarray, least: int) -> np.ndarray:
    """Return the values as an array; InvalidReadingError below `least` values or not finite."""
    array = np.asarray(values, dtype=float)
    if len(array) < least:
        raise InvalidReadingError(f'{what}: {len(array)} values; there must be {least} or more')
    if not np.isfinite(array).all():
        raise InvalidReadingError(f'{what}: {array.tolist()}; every value must be a finite number')
    return array


@dataclass(frozen=True)
class ResponseCurve:
    """Response of an axis: odd, 0 within the dead zone, 1 at full deflection, finer near 0."""

    dead_zone: float = 0.08  # fraction of the deflection that moves nothing
    expo: float = 0.4  # 0: linear, 1: cubic

    def __post_init__(self) -> None:
        if not 0 <= self.dead_zone < 1:
            raise ValueError(f'dead_zone = {self.dead_zone}; it must be in 0..1, without 1')
        if not 0 <= self.expo <= 1:
            raise ValueError(f'expo = {self.expo}; it must be in 0..1')

    def apply(self, deflection: np.ndarray) -> np.ndarray:
        """Return the fraction of full speed, -1..1, of a deflection, clipped to -1..1."""
        travel = np.clip(np.abs(deflection) - self.dead_zone, 0.0, 1.0 - self.dead_zone)
        return np.sign(deflection) * self._blend(travel / (1.0 - self.dead_zone))

    def invert(self, fraction: np.ndarray) -> np.ndarray:
        """Return the deflection of a fraction of full speed; 0 for 0."""
        grid = np.linspace(0.0, 1.0, 401)
        travel = np.interp(np.clip(np.abs(fraction), 0.0, 1.0), self._blend(grid), grid)
        return np.sign(fraction) * (self.dead_zone + (1.0 - self.dead_zone) * travel)

    def _blend(self, travel: np.ndarray) -> np.ndarray:
        return (1.0 - self.expo) * travel + self.expo * travel**3


@dataclass(frozen=True)
class SpeedLimits:
    """Speed of a full deflection, and the highest that any device can request."""

    speed: float = 0.10  # [m/s]
    angular_speed: float = 0.6  # [rad/s]

    def __post_init__(self) -> None:
        require_positive(self, 'speed', 'angular_speed')

    def to_twist(self, fractions: np.ndarray) -> np.ndarray:
        """Return the twist (6,) [m/s, rad/s] of fractions -1..1, limited in its direction."""
        return self.limit(np.append(fractions[:3] * self.speed, fractions[3:] * self.angular_speed))

    def limit(self, twist: np.ndarray) -> np.ndarray:
        """Return the twist (6,) [m/s, rad/s], shortened to the limits."""
        return limit_twist(twist, self.speed, self.angular_speed)
