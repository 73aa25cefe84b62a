"""Inverse kinematics in a loop: joint positions to send, tick by tick, towards a target pose."""

import math
from dataclasses import replace

import numpy as np

from robo_dopamine_ros.arms.differential_ik import ARRIVAL_TOLERANCE, ERROR_WEIGHTS, IkStep, ik_step
from robo_dopamine_ros.arms.joint_guard import JointGuard
from robo_dopamine_ros.arms.joint_motion import (
    JointMotion,
    advance,
    at_rest,
    at_standstill,
    closing_share,
)
from robo_dopamine_ros.arms.joint_state import JointStateReader
from robo_dopamine_ros.arms.tool_limits import UNLIMITED, ToolAt
from robo_dopamine_ros.geometry import pose_difference
from robo_dopamine_ros.types import Pose

MAX_TICK_INTERVAL = 0.25  # after a longer gap the positions restart at the measured ones [s]
INTERRUPTION_REPORT_TIME = 0.5  # an interruption is reported for at least this time [s]
START_TOLERANCE = 0.02  # weighted distance from tool to target at which motion may start [m]
RETURN_TOLERANCE = 1e-6  # of a joint from where it returns to [rad]


class IkController:
    """Continues from the joint positions it sent last; the first ones are measured.

    The positions sent never jump, although the arm lags behind and sags. After a gap or an
    interruption they restart at the measured positions; where the arm does not follow, they return
    to them, at the speed and acceleration of the joints. Then it waits until the target is at the
    tool again, so that it never returns to an outdated target.
    """

    def __init__(self, joints: JointStateReader) -> None:
        self._joints, self._guard = joints, JointGuard(joints.joints.names)
        self.tool_limits = UNLIMITED  # of the tool that is sent
        self._last_tick = -math.inf  # steady time [s]
        self._motion: JointMotion | None = None  # sent last; None: restart
        self._target: Pose | None = None  # of the tick before, while moving
        self._return_to: np.ndarray | None = None  # (n,) measured joints, while returning there
        self._moving = False  # whether the target was at the tool since the restart
        self._interruption = (-math.inf, '')  # steady time [s] and reason of the newest one

    def interrupt(self, reason: str, now: float) -> None:
        """Restart with the next step, because the arm does not follow."""
        self._motion, self._interruption = None, (now, reason)

    def interruption(self, now: float) -> str:
        """Return the newest interruption for a while, so that none between two ticks is missed."""
        since, reason = self._interruption
        return f'until just now: {reason}' if now - since < INTERRUPTION_REPORT_TIME else ''

    def tracking_fault(self) -> str:
        """Name the joint that is too far from the position sent, empty: none."""
        if self._motion is None:
            return ''
        joints, most = self._joints.joints, self._joints.ik.max_tracking_error
        errors = np.abs(joints.positions - self._motion.positions)
        worst = int(errors.argmax())
        if errors[worst] <= most:
            return ''
        error = f'{errors[worst]:.3f} rad from where it was sent'
        return f'{joints.names[worst]} does not follow: it is {error}, more than {most}'

    def step(self, target: Pose, now: float) -> IkStep | str:
        """Return the next joint positions to send, or why none may be; `now` is steady time [s]."""
        step = self._step(target, now)
        joints = self._joints
        velocity = joints.kinematics.limits.within(0.0, joints.ik.speed).velocity
        if refusal := self._guard.refusal(step.joints, velocity, now):
            self.interrupt(refusal, now)
            return refusal
        self._motion = step.motion
        return step

    def _step(self, target: Pose, now: float) -> IkStep:
        seconds, self._last_tick = now - self._last_tick, now
        measured = self._joints.joints.positions
        if self._motion is None or seconds > MAX_TICK_INTERVAL:
            self._motion = at_rest(measured)
            self._moving, self._return_to = False, None
        elif self.tracking_fault():
            self._moving, self._return_to = False, measured
        if self._return_to is not None:
            return self._return(self._motion, self._return_to, seconds)
        if not self._moving:
            return self._wait(self._motion, target)
        before = self._target
        joints, motion = self._joints, self._motion
        step = ik_step(
            joints.kinematics, joints.ik, motion, target, seconds, before, self.tool_limits
        )
        step = self._checked(motion, step, seconds)
        self._target = step.pose if step.reason else target  # from where the target goes on
        return step

    def _checked(self, motion: JointMotion, step: IkStep, seconds: float) -> IkStep:
        """Return the step, or one that brakes where the arm must not go on so."""
        if seconds <= 0 or not (reason := self._refusal(motion, step)):
            return step
        kinematics, ik = self._joints.kinematics, self._joints.ik
        limits = kinematics.limits.within(ik.margin, ik.speed)
        still = np.zeros(len(motion.positions))
        braked = advance(motion, still, limits, ik.acceleration, seconds)
        return IkStep(braked, kinematics.pose(braked.positions), reason)

    def _refusal(self, motion: JointMotion, step: IkStep) -> str:
        """Return why a step must not be sent, empty: it may.

        Checked is where the arm would stand if it braked after the step, so that it always can.
        """
        kinematics, whole_arm = self._joints.kinematics, self._joints.whole_arm
        end = at_standstill(step.motion, self._joints.ik.acceleration)
        reason = whole_arm.refusal(motion.positions, end) if whole_arm else ''
        if reason or self._return_to is not None or self.tool_limits == UNLIMITED:
            return reason
        before, last = (kinematics.pose(q).position for q in (motion.positions, end))
        return self.tool_limits.check_box(before, step.pose.position, last)

    def _return(self, motion: JointMotion, goal: np.ndarray, seconds: float) -> IkStep:
        """Approach the joints (n,) [rad] at which the arm was when it did not follow.

        A joint that is no longer nearer to there than to where it was sent goes no further.
        """
        kinematics, ik = self._joints.kinematics, self._joints.ik
        measured = self._joints.joints.positions
        nearer = np.abs(goal - measured) <= np.abs(motion.positions - measured)
        goal = np.where(nearer, goal, motion.positions)
        limits = kinematics.limits.within(ik.margin, ik.speed)
        least, most = np.minimum(goal, motion.positions), np.maximum(goal, motion.positions)
        limits = replace(  # they may be where the arm is, even beyond its limits
            limits,
            lower=np.minimum(limits.lower, least),
            upper=np.maximum(limits.upper, most),
        )
        before = motion
        if seconds > 0:
            closing = (goal - motion.positions) / seconds
            wanted = closing * closing_share(closing, ik.acceleration, seconds)
            tool = ToolAt(self.tool_limits, kinematics, motion, seconds)
            motion = tool.advance(tool.within(wanted), limits, ik.acceleration)
        if np.abs(goal - motion.positions).max() <= RETURN_TOLERANCE:
            self._return_to, motion = None, at_rest(motion.positions)
        reason = 'returns to where the arm was found, because it did not follow'
        step = IkStep(motion, kinematics.pose(motion.positions), reason)
        return self._checked(before, step, seconds)

    def _wait(self, motion: JointMotion, target: Pose) -> IkStep:
        """Stay; start moving with the next step if the target is at the tool."""
        error = pose_difference(self._joints.tool_pose(), target)
        self._moving = bool(np.linalg.norm(ERROR_WEIGHTS * error) <= START_TOLERANCE)
        self._target = None
        distance, angle = (float(np.linalg.norm(part)) for part in (error[:3], error[3:]))
        reason = f'rests where it is: the target is {1e3 * distance:.1f} mm, {angle:.3f} rad away'
        if not self._moving:
            reason += ', it must begin at the tool'
        elif np.linalg.norm(ERROR_WEIGHTS * error) < ARRIVAL_TOLERANCE:
            reason = ''
        return IkStep(motion, self._joints.kinematics.pose(motion.positions), reason)
