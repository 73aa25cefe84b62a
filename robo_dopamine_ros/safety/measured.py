"""Whether to believe what the arm says of itself. Pure."""

import math

import numpy as np

from robo_dopamine_ros.geometry import length, turn_between
from robo_dopamine_ros.safety.limits import Limits
from robo_dopamine_ros.types import SECOND, ArmState, Pose

SHORTEST, LONGEST = 0.02, 0.25  # between two readings, as far as their times tell [s]
ROUNDING = 0.01  # by which the length of a quaternion may differ from 1


class Measured:
    """Passes on what can be true; what cannot becomes the reason why nothing is known.

    A tool that went farther between two readings than it can have gone was torn away or misread.
    It is believed again once its readings have agreed for the stop time.
    """

    def __init__(self, limits: Limits) -> None:
        self.alive = False  # whether anything was ever believed
        self.jumped = False  # whether the tool was just found elsewhere, where that is allowed
        self._limits = limits
        self._last: tuple[Pose, int, float] | None = None  # pose, its stamp [ns], steady time [s]
        self._doubt = ''
        self._doubted = -math.inf  # steady time of the newest jump [s]

    def update(self, state: ArmState | str, now: float) -> ArmState | str:
        """Give the state, or why it is not known; `now` is steady time [s]."""
        self.jumped = False
        wrong = state if isinstance(state, str) else impossible(state.pose)
        if isinstance(state, str) or wrong:
            self._last = None
            return wrong
        jump = self._jump(state.pose, state.stamp, now)
        if self._last is None or state.stamp != self._last[1]:
            self._last = (state.pose, state.stamp, now)
        if jump and not self._limits.jumps:
            self._doubt, self._doubted = jump, now
        if now - self._doubted <= self._limits.stop_time:
            return self._doubt
        self.jumped, self.alive = bool(jump), True
        return state

    def _jump(self, pose: Pose, stamp: int, now: float) -> str:
        """Say how the tool moved too far since the reading before, nothing if it did not."""
        if self._last is None:
            return ''
        last, stamped, heard = self._last
        # Readings and looks at them drift against each other: either time will do.
        times = (now - heard, (stamp - stamped) / SECOND)
        seconds = min(max(*times, SHORTEST), LONGEST)
        way = length(pose.position - last.position)
        turn = length(turn_between(last.orientation, pose.orientation))
        most, widest = self._limits.measured_speed, self._limits.measured_turning
        if way <= most * seconds and turn <= widest * seconds:
            return ''
        return (
            f'the tool is measured {way:.3f} m, {turn:.2f} rad from where it was '
            f'{seconds:.2f} s before; faster than {most:.2f} m/s, {widest:.2f} rad/s'
        )


def impossible(pose: Pose) -> str:
    """Say why this cannot be a pose, nothing if it can."""
    if np.shape(pose.position) != (3,) or np.shape(pose.orientation) != (4,):
        shapes = f'{np.shape(pose.position)} and {np.shape(pose.orientation)}'
        return f'measured pose of shapes {shapes}; they must be (3,) and (4,)'
    finite = np.isfinite(pose.position).all()
    if finite and abs(length(pose.orientation) - 1.0) <= ROUNDING:
        return ''
    wrong = 'the quaternion must have length 1' if finite else 'it is not finite'
    numbers = f'{np.round(pose.position, 3)} m, quaternion {np.round(pose.orientation, 3)}'
    return f'measured pose {numbers}: {wrong}'


def overload(wrench: np.ndarray, limits: Limits) -> str:
    """Say which limit of force or torque is exceeded, nothing if none is."""
    for name, part, most, unit in (
        ('force', wrench[:3], limits.force, 'N'),
        ('torque', wrench[3:], limits.torque, 'N m'),
    ):
        if most and not (size := length(part)) <= most:
            known = f'is {size:.1f} {unit}' if math.isfinite(size) else 'is not known'
            return f'the {name} on the tool {known}; the limit is {most:.1f} {unit}'
    return ''
