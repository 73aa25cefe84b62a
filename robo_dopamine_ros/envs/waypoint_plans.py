"""Random waypoint plans of the scripted expert, by style: demonstrations, mistakes, failures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True)
class Waypoint:
    """A pose of the peg's tip in the hole's frame, and how to go there."""

    position: tuple[float, float, float]  # of the peg's tip [m]
    yaw: float = 0.0  # of the peg against the hole [rad]
    speed: float = 0.08  # [m/s]
    tolerance: float = 0.003  # distance at which it is reached [m]
    dwell: int | np.integer = 0  # steps to stay there
    insert: bool = False  # search for the hole by force
    max_steps: int = 45  # steps after which it is given up


WaypointPlan = tuple[Waypoint, ...]


def _beside(
    rng: Rng, near: float, far: float, low: float, high: float
) -> tuple[float, float, float]:
    """Position at `near`..`far` from the hole's axis and `low`..`high` above its mouth [m]."""
    away, around = rng.uniform(near, far), rng.uniform(-np.pi, np.pi)
    return away * np.cos(around), away * np.sin(around), rng.uniform(low, high)


def _speed(rng: Rng) -> float:
    return rng.uniform(0.06, 0.1)


def _fast_speed(rng: Rng) -> float:
    return rng.uniform(0.08, 0.1)


def _insertion(rng: Rng, speed: float, dwell: tuple[int, int] = (5, 9)) -> WaypointPlan:
    hover = rng.uniform(0.008, 0.022)
    over = Waypoint((0, 0, hover), speed=speed, tolerance=0.003)
    down = Waypoint(
        (0, 0, -rng.uniform(0.023, 0.029)), speed=rng.uniform(0.03, 0.06), tolerance=0.0015,
        dwell=rng.integers(*dwell), insert=True, max_steps=80,
    )  # fmt: skip
    return over, down


def _overshoot(rng: Rng, speed: float) -> WaypointPlan:
    return (Waypoint(_beside(rng, 0.025, 0.06, 0.015, 0.045), speed=speed, tolerance=0.008),)


def _wrong_offset(rng: Rng, speed: float) -> WaypointPlan:
    position = _beside(rng, 0.015, 0.045, 0.006, 0.025)
    return (Waypoint(position, speed=speed, dwell=rng.integers(2, 8)),)


def _premature(rng: Rng, speed: float) -> WaypointPlan:
    x, y, _ = _beside(rng, 0.015, 0.030, 0, 0)
    press = Waypoint((x, y, -0.004), speed=speed, dwell=rng.integers(3, 10), max_steps=30)
    return press, Waypoint((x, y, rng.uniform(0.012, 0.03)), speed=0.06, tolerance=0.005)


def _jam(rng: Rng, speed: float) -> WaypointPlan:
    yaw = rng.choice((-1, 1)) * rng.uniform(0.15, 0.35)
    hover = Waypoint((0, 0, rng.uniform(0.008, 0.018)), yaw, speed, 0.004)
    press = Waypoint((0, 0, -0.006), yaw, 0.05, dwell=rng.integers(4, 12), max_steps=12)
    return hover, press, Waypoint((0, 0, rng.uniform(0.008, 0.02)), yaw, 0.06, 0.004)


def _back_out(rng: Rng, speed: float) -> WaypointPlan:
    hover, _ = _insertion(rng, speed)
    down = Waypoint((0, 0, -rng.uniform(0.004, 0.014)), speed=0.05, tolerance=0.0015, insert=True)
    return hover, down, Waypoint((0, 0, rng.uniform(0.012, 0.035)), speed=0.06, tolerance=0.004)


def _pause(rng: Rng, speed: float) -> WaypointPlan:
    position = _beside(rng, 0.0, 0.06, 0.03, 0.09)
    return (Waypoint(position, speed=speed, tolerance=0.01, dwell=rng.integers(4, 14)),)


def _retreat(rng: Rng, speed: float) -> WaypointPlan:
    close = Waypoint(_beside(rng, 0.0, 0.03, 0.015, 0.04), speed=speed, tolerance=0.006)
    return close, Waypoint(_beside(rng, 0.02, 0.07, 0.06, 0.1), speed=speed, tolerance=0.015)


MISTAKES: tuple[Callable[[Rng, float], WaypointPlan], ...] = (
    _overshoot, _wrong_offset, _premature, _jam, _back_out, _pause, _retreat,
)  # fmt: skip


def demonstration(rng: Rng) -> WaypointPlan:
    """Straight over the hole and in."""
    return _insertion(rng, _speed(rng))


def recovery(rng: Rng) -> WaypointPlan:
    """One or two mistakes, each corrected, then in."""
    wrong = rng.choice(len(MISTAKES), size=rng.integers(1, 3), replace=False)
    mistakes = sum((MISTAKES[k](rng, _speed(rng)) for k in wrong), ())
    return mistakes + _insertion(rng, _speed(rng), (8, 14))


def partial(rng: Rng) -> WaypointPlan:
    """Ends over the hole, at its rim, or 3 to 13 mm inside."""
    stay = rng.integers(38, 58)
    hover, _ = _insertion(rng, _fast_speed(rng))
    shallow = Waypoint(
        (0, 0, -rng.uniform(0.003, 0.013)), speed=0.05, tolerance=0.001, dwell=stay,
        insert=True, max_steps=60,
    )  # fmt: skip
    kind = rng.choice(('hover', 'shallow', 'shallow', 'out', 'jam'))
    if kind == 'hover':
        x, y, _ = _beside(rng, 0.0, 0.003, 0, 0)
        return (Waypoint((x, y, rng.uniform(0.002, 0.022)), speed=_fast_speed(rng), dwell=stay),)
    if kind == 'jam':
        turned, press, _ = _jam(rng, _fast_speed(rng))
        return turned, Waypoint(press.position, press.yaw, press.speed, dwell=stay, max_steps=12)
    if kind == 'out':
        out = _back_out(rng, _fast_speed(rng))
        return *out, Waypoint(out[-1].position, speed=0.05, dwell=stay * 2 // 3)
    return hover, shallow


def near_miss(rng: Rng) -> WaypointPlan:
    """Ends close to the hole but not over it, mostly pressed on the board."""
    waypoints: WaypointPlan = _premature(rng, _speed(rng)) if rng.random() < 0.3 else ()
    x, y, _ = _beside(rng, 0.0155, 0.034, 0, 0)
    yaw = rng.normal(0, 0.08)
    low = -0.004 if rng.random() < 0.65 else rng.uniform(0.003, 0.015)
    above = Waypoint((x, y, rng.uniform(0.012, 0.03)), yaw, _speed(rng), 0.004)
    press = Waypoint((x, y, low), yaw, 0.05, dwell=rng.integers(18, 45), max_steps=16)
    return *waypoints, above, press


def _wander(rng: Rng) -> WaypointPlan:
    return tuple(
        Waypoint(_beside(rng, 0.05, 0.13, 0.03, 0.14), rng.normal(0, 0.15), _speed(rng), 0.012, 3)
        for _ in range(rng.integers(3, 6))
    )


def _wrong_place(rng: Rng) -> WaypointPlan:
    x, y, _ = _beside(rng, 0.04, 0.062, 0, 0)
    above = Waypoint((x, y, rng.uniform(0.015, 0.04)), rng.normal(0, 0.15), _speed(rng), 0.006)
    press = Waypoint((x, y, -0.004), above.yaw, 0.06, dwell=rng.integers(12, 35), max_steps=20)
    return above, press


def _off_the_board(rng: Rng) -> WaypointPlan:
    x, y, _ = _beside(rng, 0.115, 0.14, 0, 0)
    above = Waypoint((x, y, rng.uniform(0.02, 0.06)), rng.normal(0, 0.2), _speed(rng), 0.01)
    low = Waypoint((x, y, rng.uniform(-0.05, 0.0)), above.yaw, 0.06, dwell=rng.integers(12, 30))
    return above, low


def _give_up(rng: Rng) -> WaypointPlan:
    near, far = _beside(rng, 0.016, 0.05, 0.01, 0.05), (0.06, 0.13, 0.08, 0.14)
    close = Waypoint(near, speed=_speed(rng), tolerance=0.006, dwell=4)
    away = Waypoint(_beside(rng, *far), speed=_speed(rng), tolerance=0.01, dwell=12)
    return close, away


def _idle(rng: Rng) -> WaypointPlan:
    return (Waypoint(_beside(rng, 0.0, 0.12, 0.10, 0.15), speed=0.03, dwell=rng.integers(25, 50)),)


FAILURES: tuple[Callable[[Rng], WaypointPlan], ...] = (
    _wander, _wrong_place, _off_the_board, _give_up, _idle,
)  # fmt: skip


def failure(rng: Rng) -> WaypointPlan:
    """Wanders, goes to the wrong place, gives up, or hardly moves."""
    return FAILURES[rng.integers(len(FAILURES))](rng)


STYLES: dict[str, Callable[[Rng], WaypointPlan]] = {
    style.__name__: style for style in (demonstration, recovery, partial, near_miss, failure)
}


def plan_rng(style: str, seed: int) -> Rng:
    """Random generator of one rollout; styles do not share a stream."""
    _check_style(style)
    return np.random.default_rng((seed, list(STYLES).index(style)))


def make_plan(style: str, rng: Rng) -> WaypointPlan:
    """Sample a plan of a style: demonstration, recovery, partial, near_miss or failure."""
    _check_style(style)
    return STYLES[style](rng)


def _check_style(style: str) -> None:
    if style not in STYLES:
        raise ValueError(f'style = {style!r}; it must be one of {", ".join(STYLES)}')
