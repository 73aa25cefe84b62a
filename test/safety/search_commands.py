"""People, policies and reset motions that command anything, at random."""

import math
from collections.abc import Sequence

import numpy as np
from search_authority import SOURCES
from search_rig import Rig

from robo_dopamine_ros.types import SECOND, ArmCommand, Mode

GARBAGE = (math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-320, 0.0)


class Regime:
    """One of several ways to behave, for a random time."""

    def __init__(
        self, rng: np.random.Generator, ways: dict[str, float], seconds: float, first: str = ''
    ) -> None:
        self._rng, self._ways, self._seconds = rng, list(ways), seconds
        weights = np.array(list(ways.values()), float)
        self._shares = weights / weights.sum()
        self.way = first or self._ways[0]
        self._ends = float(rng.exponential(seconds))

    def at(self, now: float) -> str:
        if now > self._ends:
            self.way = str(self._rng.choice(self._ways, p=self._shares))
            self._ends = now + float(self._rng.exponential(self._seconds))
        return self.way


class CommandActor:
    """A person, a policy or a reset motion that commands anything."""

    def __init__(self, mode: Mode, rig: Rig, rng: np.random.Generator, wild: float) -> None:
        self._mode, self._rig, self._rng = mode, rig, rng
        active = 3.0 if mode is Mode.HUMAN else 6.0
        ways = {'idle': 2.0, 'move': active, 'silent': 0.3 * wild, 'garbage': 0.5 * wild}
        ways['late'] = 0.5 * wild
        if mode is Mode.HUMAN and rng.random() < 0.5:  # a person who seldom intervenes
            ways = {'idle': 20.0, 'move': 1.0, 'silent': 0.02 * wild, 'garbage': 0.02 * wild}
        self._regime = Regime(rng, ways, 1.0)
        self._style = Regime(
            rng,
            {'steady': 3, 'alternating': 1, 'random': 1, 'zero': 1, 'tiny': 0.5, 'out': 1},
            0.7,
        )
        self._twist, self._style_before = np.zeros(6), ''
        self.gripper = float(rng.uniform())
        self._queue: list[tuple[float, ArmCommand]] = []

    def act(self, now: float, ros: int) -> None:
        way, frame = self._regime.at(now), self._rig.settings.frame
        for entry in [e for e in self._queue if e[0] <= now]:
            self._queue.remove(entry)
            self._rig.on_command(self._mode, entry[1], frame, ros, now)
        if way == 'silent' or self._rng.random() < 0.3:
            return
        twist = self._next_twist(now)
        if self._rng.random() < 0.03:
            self.gripper = float(self._rng.choice([0.0, 1.0, self._rng.uniform()]))
        command = ArmCommand(ros, twist=twist, gripper=self.gripper, valid=way != 'idle')
        if way == 'late':
            self._queue.append((now + float(self._rng.uniform(0, 0.4)), command))
            return
        if way == 'garbage':
            command, frame = self._spoilt(command, ros)
        self._rig.on_command(self._mode, command, frame, ros, now)

    def _next_twist(self, now: float) -> np.ndarray:
        style, rng, limits = self._style.at(now), self._rng, self._rig.limits
        scale = np.repeat([limits.speed, limits.angular_speed], 3)
        if style == 'zero':
            return np.zeros(6)
        if style == 'random' or style != self._style_before:
            self._twist = scale * rng.normal(size=6) * rng.choice([0.3, 1.0, 4.0])
            if rng.random() < 0.4:
                self._twist[3:] = 0
            if rng.random() < 0.2:
                self._twist[:3] = 0
        if style == 'alternating' and rng.random() < 0.2:
            self._twist = -self._twist
        if style == 'out' and style != self._style_before:  # stretched: singularities
            p = self._rig.plant.pose.translation
            self._twist = np.append(2 * limits.speed * p / np.linalg.norm(p), self._twist[3:])
        self._style_before = style
        return self._twist * (1e-6 if style == 'tiny' else 1.0)

    def _spoilt(self, command: ArmCommand, ros: int) -> tuple[ArmCommand, str]:
        rng, kind, frame = self._rng, int(self._rng.integers(8)), self._rig.settings.frame
        twist, stamp, gripper, joints = command.twist, command.stamp, command.gripper, None
        if kind == 0:
            twist = twist.copy()
            twist[rng.integers(6)] = rng.choice(GARBAGE)
        elif kind == 1:
            twist = np.zeros(int(rng.choice([0, 3, 7])))
        elif kind == 2:
            gripper = float(rng.choice([*GARBAGE, -0.1, 1.1]))
        elif kind == 3:
            stamp = ros + int(rng.choice([-1, 1]) * rng.choice([0.04, 0.1, 0.4, 1e4]) * SECOND)
        elif kind == 4:
            stamp = int(rng.choice([0, -1, 2**62]))
        elif kind == 5:
            frame = str(rng.choice(['', 'tool0', 'world']))
        elif kind == 6:
            joints = np.zeros(6)
        else:
            twist = rng.normal(size=6) * 1e3
        return ArmCommand(stamp, twist=twist, gripper=gripper, joints=joints), frame


def command_actors(rig: Rig, rng: np.random.Generator, wild: float) -> Sequence[CommandActor]:
    """One actor per source of commands."""
    return [CommandActor(mode, rig, rng, wild) for mode in SOURCES]
