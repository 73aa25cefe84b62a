"""What a scripted operator sets out to do, drawn by style: legs to walk, mistakes included."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True)
class Leg:
    """One stretch of a plan: a place in the hole's frame, and how to go there."""

    place: tuple[float, float, float]  # of the peg's tip, hole frame [m]
    yaw: float = 0.0  # of the peg against the hole [rad]
    speed: float = 0.08  # [m/s]
    within: float = 0.003  # arrived when this close [m]
    dwell: int = 0  # steps to stay after arriving
    insert: bool = False  # feel for the hole, lift and try again when stuck
    patience: int = 45  # steps after which to give the leg up


Plan = tuple[Leg, ...]


def _beside(
    rng: Rng, near: float, far: float, low: float, high: float
) -> tuple[float, float, float]:
    """A place `near`..`far` beside the hole's axis and `low`..`high` above its mouth [m]."""
    away, around = rng.uniform(near, far), rng.uniform(-np.pi, np.pi)
    return away * np.cos(around), away * np.sin(around), rng.uniform(low, high)


def _pace(rng: Rng) -> float:
    return rng.uniform(0.06, 0.1)


def _brisk(rng: Rng) -> float:
    return rng.uniform(0.08, 0.1)


def _insertion(rng: Rng, pace: float, rest: tuple[int, int] = (5, 9)) -> Plan:
    hover = rng.uniform(0.008, 0.022)
    over = Leg((0, 0, hover), speed=pace, within=0.003)
    down = Leg(
        (0, 0, -rng.uniform(0.023, 0.029)), speed=rng.uniform(0.03, 0.06), within=0.0015,
        dwell=int(rng.integers(*rest)), insert=True, patience=80,
    )  # fmt: skip
    return over, down


def _overshoot(rng: Rng, pace: float) -> Plan:
    return (Leg(_beside(rng, 0.025, 0.06, 0.015, 0.045), speed=pace, within=0.008),)


def _wrong_offset(rng: Rng, pace: float) -> Plan:
    place = _beside(rng, 0.015, 0.045, 0.006, 0.025)
    return (Leg(place, speed=pace, dwell=int(rng.integers(2, 8))),)


def _premature(rng: Rng, pace: float) -> Plan:
    x, y, _ = _beside(rng, 0.015, 0.030, 0, 0)
    press = Leg((x, y, -0.004), speed=pace, dwell=int(rng.integers(3, 10)), patience=30)
    return press, Leg((x, y, rng.uniform(0.012, 0.03)), speed=0.06, within=0.005)


def _jam(rng: Rng, pace: float) -> Plan:
    yaw = rng.choice((-1, 1)) * rng.uniform(0.15, 0.35)
    hover = Leg((0, 0, rng.uniform(0.008, 0.018)), yaw, pace, 0.004)
    press = Leg((0, 0, -0.006), yaw, 0.05, dwell=int(rng.integers(4, 12)), patience=12)
    return hover, press, Leg((0, 0, rng.uniform(0.008, 0.02)), yaw, 0.06, 0.004)


def _back_out(rng: Rng, pace: float) -> Plan:
    hover, _ = _insertion(rng, pace)
    down = Leg((0, 0, -rng.uniform(0.004, 0.014)), speed=0.05, within=0.0015, insert=True)
    return hover, down, Leg((0, 0, rng.uniform(0.012, 0.035)), speed=0.06, within=0.004)


def _pause(rng: Rng, pace: float) -> Plan:
    place = _beside(rng, 0.0, 0.06, 0.03, 0.09)
    return (Leg(place, speed=pace, within=0.01, dwell=int(rng.integers(4, 14))),)


def _retreat(rng: Rng, pace: float) -> Plan:
    close = Leg(_beside(rng, 0.0, 0.03, 0.015, 0.04), speed=pace, within=0.006)
    return close, Leg(_beside(rng, 0.02, 0.07, 0.06, 0.1), speed=pace, within=0.015)


MISTAKES: tuple[Callable[[Rng, float], Plan], ...] = (
    _overshoot, _wrong_offset, _premature, _jam, _back_out, _pause, _retreat,
)  # fmt: skip


def demonstration(rng: Rng) -> Plan:
    """Straight over the hole and in."""
    return _insertion(rng, _pace(rng))


def recovery(rng: Rng) -> Plan:
    """One or two mistakes, each mended, then in."""
    wrong = rng.choice(len(MISTAKES), size=rng.integers(1, 3), replace=False)
    return sum((MISTAKES[k](rng, _pace(rng)) for k in wrong), ()) + _insertion(
        rng, _pace(rng), (8, 14)
    )


def partial(rng: Rng) -> Plan:
    """Ends over the hole, at its rim, or 3 to 13 mm inside."""
    stay = int(rng.integers(38, 58))
    hover, _ = _insertion(rng, _brisk(rng))
    shallow = Leg(
        (0, 0, -rng.uniform(0.003, 0.013)), speed=0.05, within=0.001, dwell=stay, insert=True,
        patience=60,
    )  # fmt: skip
    kind = rng.choice(('hover', 'shallow', 'shallow', 'out', 'jam'))
    if kind == 'hover':
        x, y, _ = _beside(rng, 0.0, 0.003, 0, 0)
        return (Leg((x, y, rng.uniform(0.002, 0.022)), speed=_brisk(rng), dwell=stay),)
    if kind == 'jam':
        turned, press, _ = _jam(rng, _brisk(rng))
        return turned, Leg(press.place, press.yaw, press.speed, dwell=stay, patience=12)
    if kind == 'out':
        out = _back_out(rng, _brisk(rng))
        return *out, Leg(out[-1].place, speed=0.05, dwell=stay * 2 // 3)
    return hover, shallow


def near_miss(rng: Rng) -> Plan:
    """Ends close to the hole but not over it, mostly pressed on the board."""
    legs: Plan = _premature(rng, _pace(rng)) if rng.random() < 0.3 else ()
    x, y, _ = _beside(rng, 0.0155, 0.034, 0, 0)
    yaw = rng.normal(0, 0.08)
    low = -0.004 if rng.random() < 0.65 else rng.uniform(0.003, 0.015)
    above = Leg((x, y, rng.uniform(0.012, 0.03)), yaw, _pace(rng), 0.004)
    return *legs, above, Leg((x, y, low), yaw, 0.05, dwell=int(rng.integers(18, 45)), patience=16)


def _wander(rng: Rng) -> Plan:
    return tuple(
        Leg(_beside(rng, 0.05, 0.13, 0.03, 0.14), rng.normal(0, 0.15), _pace(rng), 0.012, 3)
        for _ in range(rng.integers(3, 6))
    )


def _wrong_place(rng: Rng) -> Plan:
    x, y, _ = _beside(rng, 0.04, 0.062, 0, 0)
    above = Leg((x, y, rng.uniform(0.015, 0.04)), rng.normal(0, 0.15), _pace(rng), 0.006)
    return above, Leg((x, y, -0.004), above.yaw, 0.06, dwell=int(rng.integers(12, 35)), patience=20)


def _off_the_board(rng: Rng) -> Plan:
    x, y, _ = _beside(rng, 0.115, 0.14, 0, 0)
    above = Leg((x, y, rng.uniform(0.02, 0.06)), rng.normal(0, 0.2), _pace(rng), 0.01)
    low = Leg((x, y, rng.uniform(-0.05, 0.0)), above.yaw, 0.06, dwell=int(rng.integers(12, 30)))
    return above, low


def _give_up(rng: Rng) -> Plan:
    close = Leg(_beside(rng, 0.016, 0.05, 0.01, 0.05), speed=_pace(rng), within=0.006, dwell=4)
    away = Leg(_beside(rng, 0.06, 0.13, 0.08, 0.14), speed=_pace(rng), within=0.01, dwell=12)
    return close, away


def _idle(rng: Rng) -> Plan:
    return (Leg(_beside(rng, 0.0, 0.12, 0.10, 0.15), speed=0.03, dwell=int(rng.integers(25, 50))),)


LAPSES: tuple[Callable[[Rng], Plan], ...] = (
    _wander, _wrong_place, _off_the_board, _give_up, _idle,
)  # fmt: skip


def failure(rng: Rng) -> Plan:
    """Wanders, goes to the wrong place, gives up, or hardly moves."""
    return LAPSES[rng.integers(len(LAPSES))](rng)


STYLES: dict[str, Callable[[Rng], Plan]] = {
    style.__name__: style for style in (demonstration, recovery, partial, near_miss, failure)
}


def generator(style: str, seed: int) -> Rng:
    """The chance of one rollout: no two styles share theirs."""
    _check(style)
    return np.random.default_rng((seed, list(STYLES).index(style)))


def plan(style: str, rng: Rng) -> Plan:
    """A plan of a style: demonstration, recovery, partial, near_miss or failure."""
    _check(style)
    return STYLES[style](rng)


def _check(style: str) -> None:
    if style not in STYLES:
        raise ValueError(f'style = {style!r}; it must be one of {", ".join(STYLES)}')
