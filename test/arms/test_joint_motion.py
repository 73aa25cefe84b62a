"""Motion of joints: the acceleration is kept whatever the limits of positions and speeds are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.arms.joint_motion import JointMotion, advance
from robo_dopamine_ros.arms.kinematics import JointLimits

NUMBERS = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.floats(5, 20), st.floats(1e-3, 0.25))
def test_no_velocity_changes_faster_than_it_may(
    positions: np.ndarray,
    velocities: np.ndarray,
    wanted: np.ndarray,
    upper: np.ndarray,
    acceleration: float,
    seconds: float,
) -> None:
    """A joint may be beyond its limit while it moves, as after that limit was narrowed."""
    limits = JointLimits(lower=upper - 1.0, upper=upper, velocity=np.full(3, 1.0))
    after = advance(JointMotion(positions, velocities), wanted, limits, acceleration, seconds)
    change = np.abs(after.velocities - velocities).max()
    assert change <= acceleration * seconds * (1 + 1e-9) + 1e-9
