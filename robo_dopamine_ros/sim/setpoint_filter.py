"""Rate limit on the target of the simulated Cartesian controller, as CRISP controllers have it."""

from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.sim.quaternion import apply_rotation, clip_norm, rotation_between


@dataclass(frozen=True)
class SetpointLimits:
    """Limits on the motion of the setpoint towards its target."""

    period: float = 0.010  # of the setpoint's updates [s]
    max_position_lead: float = 0.014  # maximum distance of the setpoint from the tip [m]
    max_angle_lead: float = 0.08  # maximum angle of the setpoint from the tip [rad]
    speed: float = 0.15  # [m/s]
    angular_speed: float = 1.2  # [rad/s]
    contact_speed: float = 0.03  # speed near or in contact; bounds the impact [m/s]
    contact_height: float = 0.006  # `contact_speed` holds below this height [m]
    descent_rate: float = 4.0  # maximum downward speed per height above the board [1/s]
    low: tuple[float, float, float] = (0.28, -0.28, 0.02)  # workspace of the tip [m]
    high: tuple[float, float, float] = (0.72, 0.28, 0.40)  # [m]

    def __post_init__(self) -> None:
        for name in (
            *('period', 'max_position_lead', 'max_angle_lead', 'speed', 'angular_speed'),
            *('contact_speed', 'descent_rate'),
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be above 0')
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f'low = {self.low} must lie below high = {self.high} on every axis')


class SetpointFilter:
    """Moves a setpoint pose towards a target at limited speed and close to the tip."""

    def __init__(self, limits: SetpointLimits, position: np.ndarray, quat: np.ndarray):
        self._limits = limits
        self.position, self.quat = position.copy(), quat.copy()  # [m], w, x, y, z
        self._target, self._target_quat = self.position, self.quat
        self._increment = (np.zeros(3), np.zeros(3))  # of the target per period [m], [rad]
        self._periods = 0  # for which the increment still applies

    def set_target(self, position: np.ndarray, quat: np.ndarray) -> None:
        """Set the target, clipped to the workspace; ValueError unless it is finite."""
        if not (np.isfinite(position).all() and np.isfinite(quat).all() and np.any(quat)):
            raise ValueError(f'the target {position}, {quat} is not a finite pose')
        self._target = np.clip(position, self._limits.low, self._limits.high)
        self._target_quat = np.asarray(quat, dtype=float) / np.linalg.norm(quat)
        self._periods = 0

    def move_by(self, step: np.ndarray, turn: np.ndarray, seconds: float) -> None:
        """Move the target by a step [m] and a rotation vector [rad], evenly over `seconds`."""
        self.set_target(self.position, self.quat)
        periods = max(1, round(seconds / self._limits.period))
        self._increment = np.asarray(step) / periods, np.asarray(turn) / periods
        self._periods = periods

    def step(self, tip: np.ndarray, quat: np.ndarray, height: float, touching: bool) -> None:
        """Advance by one period; `tip` (3,) [m] and `quat` are the tip's measured pose.

        `height` [m] is that of the tip above the board. The setpoint leads a descending tip, so it
        slows down before the tip reaches the board.
        """
        limits, periods = self._limits, self._periods
        if periods > 0:
            step, turn = self._increment
            self.set_target(self._target + step, apply_rotation(self._target_quat, turn))
            self._periods = periods - 1
        speed = limits.contact_speed if touching or height < limits.contact_height else limits.speed
        step = clip_norm(self._target - self.position, speed * limits.period)
        step[2] = max(
            step[2], -max(limits.contact_speed, limits.descent_rate * height) * limits.period
        )
        self.position = tip + clip_norm(self.position + step - tip, limits.max_position_lead)
        turn = clip_norm(
            rotation_between(self.quat, self._target_quat), limits.angular_speed * limits.period
        )
        ahead = clip_norm(
            rotation_between(quat, apply_rotation(self.quat, turn)), limits.max_angle_lead
        )
        self.quat = apply_rotation(quat, ahead)
