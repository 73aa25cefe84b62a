"""A tracked hand with a clutch: nothing moves as it is pressed, and only relative motion counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robo_dopamine_ros.geometry import IDENTITY, moved, turn_between
from robo_dopamine_ros.teleop import clutch, pose
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.pose import Hand, PoseMap
from robo_dopamine_ros.teleop.reading import BadReadingError
from robo_dopamine_ros.types import Pose

PACE = Pace(0.2, 1.0)
STEP = 0.02  # [s] between two poses
LAYOUT = PoseMap(clutch=clutch.ClutchMap(topic=clutch.FLAG, silence=0.0))
vectors = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array)
poses = st.builds(Pose, vectors, vectors.map(lambda v: Rotation.from_rotvec(3 * v).as_quat()))
paths = st.lists(
    st.builds(
        lambda v, w: Pose(0.05 * v, Rotation.from_rotvec(0.2 * w).as_quat()), vectors, vectors
    ),
    min_size=1,
    max_size=5,
)


def pressed(frame: str = 'base', layout: PoseMap = LAYOUT) -> Hand:
    hand = Hand(layout, PACE, frame)
    hand.hear(clutch.FLAG, True, 0.0)
    return hand


def twists(hand: Hand, path: list[Pose]) -> np.ndarray:
    heard = [hand.hear(pose.TOPIC, place, STEP * i).twist for i, place in enumerate(path)]
    return np.array(heard)


@given(poses, st.sampled_from(['base', 'tool']))
def test_nothing_moves_as_the_clutch_is_pressed(place: Pose, frame: str) -> None:
    assert twists(pressed(frame), [place, place]) == pytest.approx(np.zeros((2, 6)), abs=1e-12)


@given(vectors, paths)
def test_where_the_hand_began_does_not_matter(shift: np.ndarray, path: list[Pose]) -> None:
    elsewhere = [Pose(place.position + shift, place.orientation) for place in path]
    assert twists(pressed(), path) == pytest.approx(twists(pressed(), elsewhere), abs=1e-9)


@given(poses, paths)
def test_in_the_frame_of_the_tool_not_even_its_direction_does(
    start: Pose, path: list[Pose]
) -> None:
    turn = Rotation.from_quat(start.orientation)
    elsewhere = [
        Pose(
            start.position + turn.apply(place.position),
            (turn * Rotation.from_quat(place.orientation)).as_quat(),
        )
        for place in path
    ]
    one, other = twists(pressed('tool'), path), twists(pressed('tool'), elsewhere)
    assert one == pytest.approx(other, abs=1e-7)


@settings(max_examples=8)
@given(poses, poses)
def test_the_tool_goes_as_far_as_the_hand_went(start: Pose, goal: Pose) -> None:
    hand, tool = pressed(), Pose(np.zeros(3), start.orientation)
    hand.hear(pose.TOPIC, start, 0.0)
    for i in range(1, 1000):
        twist = hand.hear(pose.TOPIC, goal, STEP * i).twist
        assert twist is not None
        tool = moved(tool, twist, STEP)
    assert tool.position == pytest.approx(goal.position - start.position, abs=1e-3)
    assert turn_between(tool.orientation, goal.orientation) == pytest.approx(np.zeros(3), abs=1e-2)


def test_pressing_anew_anchors_anew() -> None:
    hand = pressed()
    far = Pose(np.array([0.5, 0, 0]), IDENTITY)
    assert twists(hand, [Pose(np.zeros(3), IDENTITY), far])[1][0] == pytest.approx(0.2)
    hand.hear(clutch.FLAG, False, 1.0)
    let_go = hand.hear(pose.TOPIC, far, 1.0)
    assert (let_go.held, np.any(let_go.twist)) == (False, False)
    hand.hear(clutch.FLAG, True, 2.0)
    assert not np.any(hand.hear(pose.TOPIC, far, 2.0).twist)


def test_no_clutch_no_motion_and_its_silence_is_death() -> None:
    hand = Hand(PoseMap(), PACE, 'base')
    here = Pose(np.zeros(3), IDENTITY)
    assert hand.hear(pose.TOPIC, here, 0.0).twist is None
    assert set(hand.hears) == {pose.TOPIC, 'joy'}


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        (Pose(np.array([0, np.inf, 0]), IDENTITY), 'inf'),
        (Pose(np.zeros(3), np.zeros(4)), 'must be a unit quaternion'),
        (Pose(np.zeros(3), np.full(4, np.nan)), 'finite'),
    ],
)
def test_what_is_no_pose_is_refused(wrong: Pose, text: str) -> None:
    with pytest.raises(BadReadingError, match=text):
        pressed().hear(pose.TOPIC, wrong, 0.0)
