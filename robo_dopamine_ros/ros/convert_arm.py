"""Conversion of the messages of arm drivers, as arms/arm.py describes them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import geometry_msgs.msg as geometry
import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.ros.convert import (
    floats,
    pose_from_msg,
    pose_to_msg,
    set_header,
    twist_from_msg,
    twist_to_msg,
    wrench_from_msg,
    wrench_to_msg,
)
from robo_dopamine_ros.ros.interfaces import get_interface


def joints_to_msg(joints: Joints) -> JointState:
    """Encode joints."""
    return JointState(
        name=list(joints.names),
        position=floats(joints.positions),
        velocity=floats(joints.velocities),
        effort=floats(joints.efforts),
    )


def joints_from_msg(message: JointState) -> Joints:
    """Decode joints; ValueError when names and positions differ in number."""
    if len(message.name) != len(message.position):
        raise ValueError(f'{len(message.name)} joint names but {len(message.position)} positions')
    return Joints(
        names=tuple(message.name),
        positions=np.array(message.position),
        velocities=np.array(message.velocity),
        efforts=np.array(message.effort),
    )


FROM_MESSAGE: dict[Any, Callable[[Any], Any]] = {
    geometry.Pose: pose_from_msg,
    geometry.PoseStamped: lambda message: pose_from_msg(message.pose),
    geometry.Twist: twist_from_msg,
    geometry.TwistStamped: lambda message: twist_from_msg(message.twist),
    geometry.Wrench: wrench_from_msg,
    geometry.WrenchStamped: lambda message: wrench_from_msg(message.wrench),
    JointState: joints_from_msg,
    Float64MultiArray: lambda message: np.array(message.data),
}
TO_MESSAGE: dict[Any, Callable[[Any], Any]] = {
    geometry.Pose: pose_to_msg,
    geometry.PoseStamped: lambda value: geometry.PoseStamped(pose=pose_to_msg(value)),
    geometry.Twist: twist_to_msg,
    geometry.TwistStamped: lambda value: geometry.TwistStamped(twist=twist_to_msg(value)),
    geometry.Wrench: wrench_to_msg,
    geometry.WrenchStamped: lambda value: geometry.WrenchStamped(wrench=wrench_to_msg(value)),
    JointState: joints_to_msg,
    Float64MultiArray: lambda value: Float64MultiArray(data=floats(value)),
}
NESTED_TYPE = re.compile(r'(?:sequence<)?(\w+)/(\w+)')  # of a field, as its message names it


def to_value(message: Any) -> Any:
    """Decode a driver's message."""
    kind = type(message)
    if kind in FROM_MESSAGE:
        return FROM_MESSAGE[kind](message)
    return message.data if _has_only_data(kind) else message


def to_message(kind: Any, value: Any, stamp: int = 0, frame: str = '') -> Any:
    """Encode a value as a message of type `kind`; `stamp` [ns] and `frame` go into its header."""
    message = _encode(kind, value)
    if hasattr(message, 'header'):
        set_header(message, stamp, frame)
    return message


def _encode(kind: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _from_fields(kind, value)
    if kind in TO_MESSAGE:
        return TO_MESSAGE[kind](value)
    return kind(data=value) if _has_only_data(kind) else value


def _from_fields(kind: Any, values: Mapping[str, Any]) -> Any:
    """Fill a message, nested ones too; ValueError names a field that does not exist."""
    message, known = kind(), kind.get_fields_and_field_types()
    for name, value in values.items():
        if name not in known:
            raise ValueError(f'{kind.__name__} has no {name}; it has {", ".join(known)}')
        nested = NESTED_TYPE.match(known[name])
        if nested and isinstance(value, Sequence):
            item_kind = get_interface('{}/msg/{}'.format(*nested.groups()))
            setattr(message, name, [_encode(item_kind, item) for item in value])
        elif nested:
            setattr(message, name, _encode(type(getattr(message, name)), value))
        else:
            setattr(message, name, value.tolist() if isinstance(value, np.ndarray) else value)
    return message


def _has_only_data(kind: Any) -> bool:
    return list(kind.get_fields_and_field_types()) == ['data']
