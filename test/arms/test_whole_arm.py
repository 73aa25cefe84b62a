"""The whole arm keeps its links apart and off the table, and can always be moved away again."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import AGX, CONTROLLER, NOW, STAMP
from descriptions import ARMS, Described
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.arms.arm_shapes import ARM_SHAPES
from robo_dopamine_ros.arms.config import make_arm
from robo_dopamine_ros.arms.whole_arm import (
    WholeArm,
    WholeArmConfig,
    make_whole_arm,
    segment_distances,
)
from robo_dopamine_ros.geometry import integrate_twist
from robo_dopamine_ros.types import SECOND

TICK, MARGIN = 0.02, 0.02  # [s], [m]
points = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array)
each_arm = pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)


def whole_arm(arm: Described, table: float = 0.0) -> WholeArm:
    made = make_whole_arm(arm.kinematics, arm.name, WholeArmConfig(True, MARGIN, table))
    assert made is not None
    return made


@settings(deadline=None)
@given(a=points, b=points, c=points, d=points)
def test_no_two_points_of_two_segments_are_nearer_than_said(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray
) -> None:
    said = float(segment_distances(a[None], b[None], c[None], d[None])[0])
    shares = np.linspace(0, 1, 41)[:, None]
    first, second = a + shares * (b - a), c + shares * (d - c)
    sampled = np.linalg.norm(first[:, None] - second[None], axis=-1).min()
    assert said <= sampled + 1e-9
    assert said >= sampled - 0.05 * np.sqrt(3), 'two neighbours of 41 are this far apart'


@each_arm
def test_at_home_every_arm_is_clear(arm: Described) -> None:
    assert (whole_arm(arm).distances(np.array(arm.home)) > MARGIN).all()
    assert len(ARM_SHAPES[arm.name].links) == len(arm.joints) + 2


@pytest.mark.parametrize(
    ('name', 'bends', 'words'),
    [
        ('ur5e', {2: 2.9}, 'shoulder and forearm'),
        ('ur5e', {1: -0.8}, 'wrist 3 and table'),
        ('piper', {2: -0.1}, 'base and wrist 2'),
        ('piper', {1: 2.4}, 'wrist 2 and table'),
        ('fr3', {3: -3.0, 5: 0.6}, 'link 2 and tool'),
        ('fr3', {1: 1.2}, 'link 7 and table'),
    ],
)
def test_links_that_come_too_near_are_named(name: str, bends: dict, words: str) -> None:
    arm = ARMS[name]
    home = np.array(arm.home)
    bent = home.copy()
    for joint, angle in bends.items():
        bent[joint] = angle
    refusal = whole_arm(arm).refusal(home, bent)
    assert refusal == f'{words} would be 0 mm apart; 20 mm are kept'
    assert whole_arm(arm).refusal(bent, home) == '', 'the way back is free'


def test_what_is_not_known_is_not_checked() -> None:
    kinematics = ARMS['ur5e'].kinematics
    assert make_whole_arm(kinematics, '', WholeArmConfig()) is None
    assert make_whole_arm(kinematics, 'ur10e', WholeArmConfig()) is None
    assert make_whole_arm(kinematics, 'ur5e', WholeArmConfig(enabled=False)) is None
    with pytest.raises(ValueError, match=r'model = fr3, an arm of 7 joints; here are 6'):
        make_whole_arm(kinematics, 'fr3', WholeArmConfig())
    with pytest.raises(ValueError, match='table = nan'):
        WholeArmConfig(table=np.nan)


def make(arm: Described, q: np.ndarray) -> Any:
    """Make an arm behind a position controller that stands at these joints."""
    parameters = replace(
        CONTROLLER.parameters,
        base_frame=arm.base,
        tool_frame=arm.tool,
        joints=arm.joints,
        model=arm.name,
        whole_arm=WholeArmConfig(True, MARGIN, 0.0),
    )
    made = make_arm(parameters, 0.1)
    made.on_message('robot_description', arm.text, STAMP, NOW)
    measure(made, arm, q, NOW)
    return made


def measure(made: Any, arm: Described, q: np.ndarray, now: float) -> None:
    stamp = STAMP + round((now - NOW) * SECOND)
    made.on_message('joint_states', Joints(arm.joints, q, np.zeros(len(q))), stamp, now)


directions = st.lists(st.floats(-1, 1), min_size=6, max_size=6).map(np.array)


@each_arm
@settings(max_examples=25, deadline=None)
@given(directions=st.lists(directions, min_size=1, max_size=4))
def test_driven_anywhere_it_never_comes_nearer_than_the_margin(
    arm: Described, directions: list
) -> None:
    """The target goes on from what was sent, as the gate's does."""
    q, now, check = np.array(arm.home), NOW, whole_arm(arm)
    made = make(arm, q)
    pose = made.state(now).pose
    for direction in directions:
        for _ in range(60):
            now += TICK
            measure(made, arm, q, now)
            twist = np.concatenate([0.15 * direction[:3], 0.8 * direction[3:]])
            command = made.command(integrate_twist(pose, twist, TICK), 1.0, now)
            pose, q = command.target, command.messages[0].value
            assert check.distances(q).min() >= MARGIN - 1e-5, command.reason


def test_down_to_the_table_it_stops_and_says_why_and_up_again_it_is_free() -> None:
    arm = ARMS['ur5e']
    q, now = np.array(arm.home), NOW
    made, down = make(arm, q), np.array([0.0, 0.0, -0.15, 0.0, 0.0, 0.0])
    pose = made.state(now).pose
    for _ in range(400):
        now += TICK
        measure(made, arm, q, now)
        command = made.command(integrate_twist(pose, down, TICK), 1.0, now)
        pose, q = command.target, command.messages[0].value
    assert 'and table would be' in command.reason
    assert pose.position[2] > 0.0
    lowest = pose.position[2]
    for _ in range(20):
        now += TICK
        measure(made, arm, q, now)
        command = made.command(integrate_twist(pose, -down, TICK), 1.0, now)
        pose, q = command.target, command.messages[0].value
    assert pose.position[2] > lowest + 0.02


def test_an_arm_that_touches_already_can_leave() -> None:
    arm, check = ARMS['ur5e'], whole_arm(ARMS['ur5e'])
    q = np.array(arm.home)
    q[2] = 2.95  # the wrist is at the upper arm
    before = check.distances(q)
    assert before.min() < 0
    now, made = NOW, make(arm, q)
    out = arm.kinematics.pose_and_jacobian(q)[1] @ [0, 0, -0.1, 0, 0, 0]
    pose = made.state(now).pose
    for _ in range(100):
        now += TICK
        measure(made, arm, q, now)
        command = made.command(integrate_twist(pose, out, TICK), 1.0, now)
        pose, q = command.target, command.messages[0].value
    assert check.distances(q).min() > before.min() + 0.02, command.reason


def test_a_piper_is_checked_as_well() -> None:
    arm = ARMS['piper']
    case = replace(AGX, parameters=replace(AGX.parameters, model='piper'))
    made, now = case.make_connected(), NOW
    high_table = WholeArmConfig(table=case.pose.position[2] - 0.06)
    made = replace(case, parameters=replace(case.parameters, whole_arm=high_table)).make_connected()
    pose, command = made.state(now).pose, None
    for _ in range(50):
        now += TICK
        case.send(made, now)
        command = made.command(integrate_twist(pose, np.array([0, 0, -0.1, 0, 0, 0]), TICK), 1, now)
        pose = command.target
    assert command is not None
    assert 'wrist 2 and table would be' in command.reason
    assert arm.kinematics.pose(command.messages[0].value.positions[:6]).position[2] > 0.0
