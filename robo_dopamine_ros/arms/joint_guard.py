"""Last check of joint positions before they are sent: none may step further than its speed allows.

It knows nothing of how they were computed.
"""

import math
from collections.abc import Sequence

import numpy as np

TOLERANCE = 1e-6  # of rounding, as a share of the step allowed


class JointGuard:
    """Compares joint positions with those sent before; `now` is steady time [s]."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._sent: np.ndarray | None = None  # (n,) [rad]
        self._time = -math.inf  # at which they were sent [s]

    def refusal(self, joints: np.ndarray, velocity: np.ndarray, now: float) -> str:
        """Return why joints (n,) must not be sent at these largest velocities (n,) [rad/s].

        Empty: they may be, and count as sent. The first ones may always be.
        """
        if not np.isfinite(joints).all():
            return f'joints {joints.tolist()} are not finite'
        if self._sent is not None:
            seconds = now - self._time
            steps, most = np.abs(joints - self._sent), velocity * max(seconds, 0.0)
            excess = steps - most * (1 + TOLERANCE) - TOLERANCE
            worst = int(excess.argmax())
            if excess[worst] > 0:
                return (
                    f'{self._names[worst]} would step {steps[worst]:.3f} rad in {seconds:.3f} s; '
                    f'at {velocity[worst]:.2f} rad/s it may step {most[worst]:.3f} rad'
                )
        self._sent, self._time = joints.copy(), now
        return ''
