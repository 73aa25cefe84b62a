"""A tracked hand with a clutch: nothing moves as it is pressed, and only relative motion counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robo_dopamine_ros.geometry import IDENTITY_QUATERNION, integrate_twist, rotation_between
from robo_dopamine_ros.teleop import deadman, tracked_hand
from robo_dopamine_ros.teleop.device import InvalidReadingError
from robo_dopamine_ros.teleop.mapping import SpeedLimits
from robo_dopamine_ros.teleop.tracked_hand import TrackedHand, TrackedHandConfig
from robo_dopamine_ros.types import Pose

LIMITS = SpeedLimits(0.2, 1.0)
STEP = 0.02  # [s] between two poses
CONFIG = TrackedHandConfig(dead_man=deadman.DeadManConfig(topic=deadman.BOOL_TOPIC, timeout=0.0))
vectors = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array)
poses = st.builds(Pose, vectors, vectors.map(lambda v: Rotation.from_rotvec(3 * v).as_quat()))
paths = st.lists(
    st.builds(
        lambda v, w: Pose(0.05 * v, Rotation.from_rotvec(0.2 * w).as_quat()), vectors, vectors
    ),
    min_size=1,
    max_size=5,
)


def pressed(frame: str = 'base', config: TrackedHandConfig = CONFIG) -> TrackedHand:
    hand = TrackedHand(config, LIMITS, frame)
    hand.on_message(deadman.BOOL_TOPIC, True, 0.0)
    return hand


def twists(hand: TrackedHand, path: list[Pose]) -> np.ndarray:
    received = [
        hand.on_message(tracked_hand.TOPIC, pose, STEP * i).twist for i, pose in enumerate(path)
    ]
    return np.array(received)


@given(poses, st.sampled_from(['base', 'tool']))
def test_nothing_moves_as_the_clutch_is_pressed(pose: Pose, frame: str) -> None:
    assert twists(pressed(frame), [pose, pose]) == pytest.approx(np.zeros((2, 6)), abs=1e-12)


@given(vectors, paths)
def test_where_the_hand_began_does_not_matter(shift: np.ndarray, path: list[Pose]) -> None:
    elsewhere = [Pose(pose.position + shift, pose.orientation) for pose in path]
    assert twists(pressed(), path) == pytest.approx(twists(pressed(), elsewhere), abs=1e-9)


@given(poses, paths)
def test_in_the_frame_of_the_tool_not_even_its_direction_does(
    start: Pose, path: list[Pose]
) -> None:
    turn = Rotation.from_quat(start.orientation)
    elsewhere = [
        Pose(
            start.position + turn.apply(pose.position),
            (turn * Rotation.from_quat(pose.orientation)).as_quat(),
        )
        for pose in path
    ]
    one, other = twists(pressed('tool'), path), twists(pressed('tool'), elsewhere)
    assert one == pytest.approx(other, abs=1e-7)


@settings(max_examples=8)
@given(poses, poses)
def test_the_tool_goes_as_far_as_the_hand_went(start: Pose, goal: Pose) -> None:
    hand, tool = pressed(), Pose(np.zeros(3), start.orientation)
    hand.on_message(tracked_hand.TOPIC, start, 0.0)
    for i in range(1, 1000):
        twist = hand.on_message(tracked_hand.TOPIC, goal, STEP * i).twist
        assert twist is not None
        tool = integrate_twist(tool, twist, STEP)
    assert tool.position == pytest.approx(goal.position - start.position, abs=1e-3)
    assert rotation_between(tool.orientation, goal.orientation) == pytest.approx(
        np.zeros(3), abs=1e-2
    )


def test_pressing_anew_anchors_anew() -> None:
    hand = pressed()
    far = Pose(np.array([0.5, 0, 0]), IDENTITY_QUATERNION)
    assert twists(hand, [Pose(np.zeros(3), IDENTITY_QUATERNION), far])[1][0] == pytest.approx(0.2)
    hand.on_message(deadman.BOOL_TOPIC, False, 1.0)
    let_go = hand.on_message(tracked_hand.TOPIC, far, 1.0)
    assert (let_go.held, np.any(let_go.twist)) == (False, False)
    hand.on_message(deadman.BOOL_TOPIC, True, 2.0)
    assert not np.any(hand.on_message(tracked_hand.TOPIC, far, 2.0).twist)


def test_without_messages_of_the_dead_man_there_is_no_motion() -> None:
    hand = TrackedHand(TrackedHandConfig(), LIMITS, 'base')
    here = Pose(np.zeros(3), IDENTITY_QUATERNION)
    assert hand.on_message(tracked_hand.TOPIC, here, 0.0).twist is None
    assert set(hand.topics) == {tracked_hand.TOPIC, 'joy'}


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        (Pose(np.array([0, np.inf, 0]), IDENTITY_QUATERNION), 'inf'),
        (Pose(np.zeros(3), np.zeros(4)), 'must be a unit quaternion'),
        (Pose(np.zeros(3), np.full(4, np.nan)), 'finite'),
    ],
)
def test_what_is_no_pose_is_refused(wrong: Pose, text: str) -> None:
    with pytest.raises(InvalidReadingError, match=text):
        pressed().on_message(tracked_hand.TOPIC, wrong, 0.0)
