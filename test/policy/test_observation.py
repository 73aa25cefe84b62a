"""What agents see: features on one scale, and the arm as the simulator tells it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.envs.insertion import STATE_NAMES, InsertionEnv
from robo_dopamine_ros.policy.observation import (
    MAX_DEVIATION,
    MIN_STD,
    FeatureNormalizer,
    ObservationEncoder,
    proprioception,
)
from robo_dopamine_ros.sim.scene import BOARD_POSITION
from robo_dopamine_ros.types import ArmState, Pose, Views


def views(stamp: int = 5) -> Views:
    return Views({'front': np.zeros((2, 2, 3), np.uint8)}, {'front': stamp})


@given(st.integers(0, 2**32 - 1))
def test_features_of_the_demonstration_have_mean_0_and_spread_1_at_most(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(rng.normal(0, 1, 6), rng.uniform(0, 0.2, 6), (40, 6)).astype(np.float32)
    seen = np.stack([FeatureNormalizer.fit(rows).normalize(row) for row in rows]).astype(float)
    assert np.abs(seen.mean(0)).max() < 0.02
    assert seen.std(0).max() < 1.01


def test_what_hardly_moved_in_the_demonstration_may_move_later():
    standard = FeatureNormalizer.fit([np.array([0.5], np.float32)] * 3)
    assert standard.normalize(np.array([0.5 + MIN_STD], np.float32)) == pytest.approx(1.0)
    assert standard.normalize(np.array([9.0], np.float32)) == MAX_DEVIATION


def test_a_standard_is_the_same_after_it_was_kept():
    standard = FeatureNormalizer.fit(np.random.default_rng(0).normal(0, 1, (5, 4)))
    again = FeatureNormalizer.from_state_dict(standard.state_dict())
    np.testing.assert_array_equal(standard.mean, again.mean)
    np.testing.assert_array_equal(standard.std, again.std)


def test_a_frame_has_the_stamp_of_its_views_and_stores_half_precision():
    observer = ObservationEncoder(lambda _: np.zeros(4), FeatureNormalizer(np.zeros(4), np.ones(4)))
    frame = observer.encode(views(7), np.ones(2))
    assert (frame.stamp, frame.features.dtype, frame.state.dtype) == (7, np.float16, np.float32)
    assert frame.vector.shape == (6,)


def test_the_arm_tells_what_the_simulator_tells():
    env = InsertionEnv(images=False)
    env.reset(seed=3)
    for _ in range(4):
        seen = env.step(np.array([0.3, -0.5, -0.8, 0.4]))[0]['state']
    world = env.world
    flat = np.array([0.0, 0.0, np.sin(world.tip_yaw / 2), np.cos(world.tip_yaw / 2)])
    arm = ArmState(
        stamp=0,
        pose=Pose(world.tip, flat),
        twist=world.tip_twist,
        joints=np.zeros(7),
        joint_velocities=np.zeros(7),
        joint_names=tuple('abcdefg'),
        gripper=0.0,
        wrench=world.wrench,
    )
    told = proprioception(arm, Pose(world.setpoint.position, flat), np.array(BOARD_POSITION))
    np.testing.assert_allclose(told, seen, atol=1e-5)
    assert told.shape == (len(STATE_NAMES),)


def test_unknown_forces_and_targets_read_zero():
    still = np.array([0.0, 0.0, 0.0, 1.0])
    arm = ArmState(
        0, Pose(np.zeros(3), still), np.zeros(6), np.zeros(6), np.zeros(6), ('',) * 6, 0.0,
        np.full(6, np.nan),
    )  # fmt: skip
    told = proprioception(arm, None, np.zeros(3))
    assert np.isfinite(told).all()
    assert not told[-6:].any()
