"""What the controller is told, between what was asked for and where the tip is."""

from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.sim.rotation import clipped, turn_between, turned


@dataclass(frozen=True)
class Reins:
    """How the setpoint follows its target."""

    period: float = 0.010  # between two changes of the setpoint [s]
    leash: float = 0.014  # largest lead of the setpoint over the tip [m]
    twist: float = 0.08  # largest lead about an axis [rad]
    speed: float = 0.15  # [m/s]
    turning: float = 1.2  # [rad/s]
    touch: float = 0.03  # speed close to or in contact, which bounds the impact [m/s]
    margin: float = 0.006  # height above the board below which `touch` holds [m]
    fall: float = 4.0  # downward speed allowed per height above the board [1/s]
    low: tuple[float, float, float] = (0.28, -0.28, 0.02)  # where the tip may go [m]
    high: tuple[float, float, float] = (0.72, 0.28, 0.40)  # [m]

    def __post_init__(self) -> None:
        for name in ('period', 'leash', 'twist', 'speed', 'turning', 'touch', 'fall'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be above 0')
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f'low = {self.low} must lie below high = {self.high} on every axis')


class Setpoint:
    """A pose on a leash: it moves towards its target no faster than allowed, never far ahead."""

    def __init__(self, reins: Reins, position: np.ndarray, quat: np.ndarray):
        self._reins = reins
        self.position, self.quat = position.copy(), quat.copy()  # [m], w, x, y, z
        self._target, self._heading = self.position, self.quat
        self._way = (np.zeros(3), np.zeros(3))  # still to glide: step [m], turn [rad]
        self._ticks = 0  # over which to glide

    def aim(self, position: np.ndarray, quat: np.ndarray) -> None:
        """Ask for a pose; ValueError unless it is finite, kept within bounds."""
        if not (np.isfinite(position).all() and np.isfinite(quat).all() and np.any(quat)):
            raise ValueError(f'the target {position}, {quat} is not a finite pose')
        self._target = np.clip(position, self._reins.low, self._reins.high)
        self._heading = np.asarray(quat, dtype=float) / np.linalg.norm(quat)
        self._ticks = 0

    def glide(self, step: np.ndarray, turn: np.ndarray, seconds: float) -> None:
        """Ask for a step [m] and a turn [rad] on from here, spread evenly over `seconds`."""
        self.aim(self.position, self.quat)
        ticks = max(1, round(seconds / self._reins.period))
        self._way, self._ticks = (np.asarray(step) / ticks, np.asarray(turn) / ticks), ticks

    def follow(self, tip: np.ndarray, quat: np.ndarray, height: float, touching: bool) -> None:
        """Move on by one period; `tip` [m] and `quat` are where the tool is now.

        `height` is that above the board [m]: the setpoint leads a falling tip, so it must slow
        down before it is there.
        """
        reins, ticks = self._reins, self._ticks
        if ticks > 0:
            step, turn = self._way
            self.aim(self._target + step, turned(self._heading, turn))
            self._ticks = ticks - 1
        speed = reins.touch if touching or height < reins.margin else reins.speed
        step = clipped(self._target - self.position, speed * reins.period)
        step[2] = max(step[2], -max(reins.touch, reins.fall * height) * reins.period)
        self.position = tip + clipped(self.position + step - tip, reins.leash)
        turn = clipped(turn_between(self.quat, self._heading), reins.turning * reins.period)
        ahead = clipped(turn_between(quat, turned(self.quat, turn)), reins.twist)
        self.quat = turned(quat, ahead)
