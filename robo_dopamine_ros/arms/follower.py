"""The joints on their way to a target of the tool: where they are sent, tick by tick."""

import math

import numpy as np

from robo_dopamine_ros.arms.chain import Chain
from robo_dopamine_ros.arms.inverse import NEAR, WEIGHTS, Step, step
from robo_dopamine_ros.geometry import between
from robo_dopamine_ros.types import Pose

GAP = 0.25  # between two ticks, beyond which they are sent from where they are again [s]
SEEN = 0.5  # how long a stop is reported at least [s]
BEGIN = 0.02  # from the tool to a target that may be set out for, turns by REACH [m]


class Follower:
    """Sends joints from where they were sent last, and at first from where they are measured.

    So what is sent never jumps, though an arm lags behind and sags. After a gap or a stop it
    begins anew, and rests until the target begins at the tool too: a target that stayed behind
    is never gone back to.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._told = -math.inf  # steady time of the last tick [s]
        self._sent: np.ndarray | None = None  # (n,) joints
        self._set_out = False
        self._stop = (-math.inf, '')  # when [s] and why it was stopped last

    def stop(self, why: str, now: float) -> None:
        """Forget where they were sent, because the arm cannot go there."""
        self._sent, self._stop = None, (now, why)

    def stopped(self, now: float) -> str:
        """Say why it was stopped, for a while: a stop between two looks is seen too."""
        since, why = self._stop
        return f'until just now: {why}' if now - since < SEEN else ''

    def behind(self) -> str:
        """Name the joint that does not follow, empty: none."""
        if self._sent is None:
            return ''
        joints, lead = self._chain.joints, self._chain.motion.lead
        gaps = np.abs(joints.positions - self._sent)
        worst = int(gaps.argmax())
        if gaps[worst] <= lead:
            return ''
        gap = f'{gaps[worst]:.3f} rad from where it was sent'
        return f'{joints.names[worst]} does not follow: it is {gap}, more than {lead}'

    def follow(self, target: Pose, now: float) -> Step:
        """Give the next joints to send; `now` is steady time [s]."""
        seconds, self._told = now - self._told, now
        if self._sent is None or seconds > GAP or self.behind():
            self._sent, self._set_out = self._chain.joints.positions, False
        if not self._set_out:
            return self._rest(self._sent, target)
        done = step(self._chain.kinematics, self._chain.motion, self._sent, target, seconds)
        self._sent = done.joints
        return done

    def _rest(self, joints: np.ndarray, target: Pose) -> Step:
        """Stay, and set out with the next tick if the target is at the tool."""
        gap = between(self._chain.tool(), target)
        self._set_out = bool(np.linalg.norm(WEIGHTS * gap) <= BEGIN)
        way, turn = (float(np.linalg.norm(part)) for part in (gap[:3], gap[3:]))
        reason = f'rests where it is: the target is {1e3 * way:.1f} mm, {turn:.3f} rad away'
        if not self._set_out:
            reason += ', it must begin at the tool'
        elif np.linalg.norm(WEIGHTS * gap) < NEAR:
            reason = ''
        return Step(joints, self._chain.kinematics.pose(joints), reason)
