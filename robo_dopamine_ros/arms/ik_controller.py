"""Inverse kinematics in a loop: joint positions to send, tick by tick, towards a target pose."""

import math

import numpy as np

from robo_dopamine_ros.arms.differential_ik import ARRIVAL_TOLERANCE, ERROR_WEIGHTS, IkStep, ik_step
from robo_dopamine_ros.arms.joint_state import JointStateReader
from robo_dopamine_ros.geometry import pose_difference
from robo_dopamine_ros.types import Pose

MAX_TICK_INTERVAL = 0.25  # after a longer gap the positions restart at the measured ones [s]
INTERRUPTION_REPORT_TIME = 0.5  # an interruption is reported for at least this time [s]
START_TOLERANCE = 0.02  # weighted distance from tool to target at which motion may start [m]


class IkController:
    """Continues from the joint positions it sent last; the first ones are measured.

    The positions sent never jump, although the arm lags behind and sags. After a gap or an
    interruption it restarts at the measured positions and waits until the target is at the tool
    again, so that it never returns to an outdated target.
    """

    def __init__(self, joints: JointStateReader) -> None:
        self._joints = joints
        self._last_tick = -math.inf  # steady time [s]
        self._sent: np.ndarray | None = None  # (n,) joint positions; None: restart
        self._moving = False  # whether the target was at the tool since the restart
        self._interruption = (-math.inf, '')  # steady time [s] and reason of the newest one

    def interrupt(self, reason: str, now: float) -> None:
        """Restart with the next step, because the arm does not follow."""
        self._sent, self._interruption = None, (now, reason)

    def interruption(self, now: float) -> str:
        """Return the newest interruption for a while, so that none between two ticks is missed."""
        since, reason = self._interruption
        return f'until just now: {reason}' if now - since < INTERRUPTION_REPORT_TIME else ''

    def tracking_fault(self) -> str:
        """Name the joint that is too far from the position sent, empty: none."""
        if self._sent is None:
            return ''
        joints, most = self._joints.joints, self._joints.ik.max_tracking_error
        errors = np.abs(joints.positions - self._sent)
        worst = int(errors.argmax())
        if errors[worst] <= most:
            return ''
        error = f'{errors[worst]:.3f} rad from where it was sent'
        return f'{joints.names[worst]} does not follow: it is {error}, more than {most}'

    def step(self, target: Pose, now: float) -> IkStep:
        """Return the next joint positions to send; `now` is steady time [s]."""
        seconds, self._last_tick = now - self._last_tick, now
        if self._sent is None or seconds > MAX_TICK_INTERVAL or self.tracking_fault():
            self._sent, self._moving = self._joints.joints.positions, False
        if not self._moving:
            return self._wait(self._sent, target)
        step = ik_step(self._joints.kinematics, self._joints.ik, self._sent, target, seconds)
        self._sent = step.joints
        return step

    def _wait(self, joints: np.ndarray, target: Pose) -> IkStep:
        """Stay; start moving with the next step if the target is at the tool."""
        error = pose_difference(self._joints.tool_pose(), target)
        self._moving = bool(np.linalg.norm(ERROR_WEIGHTS * error) <= START_TOLERANCE)
        distance, angle = (float(np.linalg.norm(part)) for part in (error[:3], error[3:]))
        reason = f'rests where it is: the target is {1e3 * distance:.1f} mm, {angle:.3f} rad away'
        if not self._moving:
            reason += ', it must begin at the tool'
        elif np.linalg.norm(ERROR_WEIGHTS * error) < ARRIVAL_TOLERANCE:
            reason = ''
        return IkStep(joints, self._joints.kinematics.pose(joints), reason)
