"""Conversion between driver messages and the values of arms."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, Wrench, WrenchStamped
from std_msgs.msg import Bool, Float64MultiArray
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.arms.grippers import Gripper, GripperConfig
from robo_dopamine_ros.ros.convert import decode_driver_message, encode_driver_message
from robo_dopamine_ros.ros.interfaces import MissingInterface, get_interface
from robo_dopamine_ros.types import SECOND, Pose

POSE = Pose(np.array([0.1, 0.2, 0.3]), np.array([0.0, 0.6, 0.0, 0.8]))
SIX = np.arange(6.0)
JOINTS = Joints(('a', 'b'), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
ONE, TWO = np.array([0.5]), np.array([0.5, 0.6])


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Pose):
        return same(one.position, other.position) and same(one.orientation, other.orientation)
    if isinstance(one, Joints):
        pairs = zip(vars(one).values(), vars(other).values(), strict=True)
        return all(same(mine, theirs) for mine, theirs in pairs)
    return bool(np.array_equal(one, other))


@pytest.mark.parametrize(
    ('kind', 'value'),
    [
        ('geometry_msgs/msg/Pose', POSE),
        ('geometry_msgs/msg/PoseStamped', POSE),
        ('geometry_msgs/msg/Twist', SIX),
        ('geometry_msgs/msg/TwistStamped', SIX),
        ('geometry_msgs/msg/Wrench', SIX),
        ('geometry_msgs/msg/WrenchStamped', SIX),
        ('sensor_msgs/msg/JointState', JOINTS),
        ('std_msgs/msg/Float64MultiArray', TWO),
        ('std_msgs/msg/Bool', True),
        ('std_msgs/msg/Int8', -1),
        ('std_msgs/msg/String', '<robot/>'),
    ],
)
def test_a_value_returns_as_it_was(kind: str, value: Any) -> None:
    message = encode_driver_message(get_interface(kind), value, 3 * SECOND + 4, 'base')
    assert same(decode_driver_message(message), value)
    if hasattr(message, 'header'):
        stamp = message.header.stamp
        assert (stamp.sec, stamp.nanosec, message.header.frame_id) == (3, 4, 'base')


def test_other_messages_come_as_they_are() -> None:
    message = DiagnosticArray()
    assert decode_driver_message(message) is message


def test_mappings_fill_a_message_however_deep() -> None:
    point = {'positions': TWO, 'time_from_start': {'sec': 1, 'nanosec': 5}}
    message = encode_driver_message(
        JointTrajectory, {'joint_names': ['a', 'b'], 'points': [point]}, SECOND
    )
    assert message.joint_names == ['a', 'b']
    assert message.header.stamp.sec == 1
    assert list(message.points[0].positions) == [0.5, 0.6]
    assert message.points[0].time_from_start == Duration(sec=1, nanosec=5)
    inner = encode_driver_message(WrenchStamped, {'wrench': SIX}).wrench
    assert same(decode_driver_message(inner), SIX)
    assert isinstance(inner, Wrench)
    assert encode_driver_message(Trigger.Request, {}) == Trigger.Request()


@pytest.mark.skipif(find_spec('control_msgs') is None, reason='not installed: control_msgs')
def test_gripper_commands_fit_control_msgs() -> None:
    hand = Gripper(GripperConfig(kind='command', open=0.04, effort=20.0))
    goal = encode_driver_message(
        get_interface(hand.outputs[0].type).Goal, hand.command(1.0, 0.0)[0].value
    )
    assert (goal.command.position, goal.command.max_effort) == (0.04, 20.0)
    jaws = Gripper(GripperConfig(kind='parallel', joint='knuckle', closed=0.8, open=0.0))
    goal = encode_driver_message(
        get_interface(jaws.outputs[0].type).Goal, jaws.command(0.25, 0.0)[0].value
    )
    assert goal.command.name == ['knuckle']
    assert list(goal.command.position) == pytest.approx([0.6])
    assert list(goal.command.effort) == [10.0]


def test_a_field_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match='PoseStamped has no posse; it has header, pose'):
        encode_driver_message(PoseStamped, {'posse': POSE})


def test_what_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    with pytest.raises(MissingInterface, match='apt install ros-jazzy-no-such-msgs$'):
        get_interface('no_such_msgs/msg/Thing')
    with pytest.raises(MissingInterface, match='Bowl is not in the std_msgs that is installed'):
        get_interface('std_msgs/msg/Bowl')
    assert get_interface('std_msgs/msg/Bool') is Bool
    assert same(decode_driver_message(Float64MultiArray(data=ONE.tolist())), ONE)
