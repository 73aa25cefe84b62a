"""Between a driver's messages and the values an arm speaks in; see arms/arm.py."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import geometry_msgs.msg as geometry
import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from robo_dopamine_ros.ros.convert import (
    joints_from_msg,
    joints_to_msg,
    pose_from_msg,
    pose_to_msg,
    to_time,
    twist_from_msg,
    twist_to_msg,
    wrench_from_msg,
    wrench_to_msg,
)
from robo_dopamine_ros.ros.interfaces import interface

READ: dict[Any, Callable[[Any], Any]] = {
    geometry.Pose: pose_from_msg,
    geometry.PoseStamped: lambda message: pose_from_msg(message.pose),
    geometry.Twist: twist_from_msg,
    geometry.TwistStamped: lambda message: twist_from_msg(message.twist),
    geometry.Wrench: wrench_from_msg,
    geometry.WrenchStamped: lambda message: wrench_from_msg(message.wrench),
    JointState: joints_from_msg,
    Float64MultiArray: lambda message: np.array(message.data),
}
WRITE: dict[Any, Callable[[Any], Any]] = {
    geometry.Pose: pose_to_msg,
    geometry.PoseStamped: lambda value: geometry.PoseStamped(pose=pose_to_msg(value)),
    geometry.Twist: twist_to_msg,
    geometry.TwistStamped: lambda value: geometry.TwistStamped(twist=twist_to_msg(value)),
    geometry.Wrench: wrench_to_msg,
    geometry.WrenchStamped: lambda value: geometry.WrenchStamped(wrench=wrench_to_msg(value)),
    JointState: joints_to_msg,
    Float64MultiArray: lambda value: Float64MultiArray(data=[float(number) for number in value]),
}
NESTED = re.compile(r'(?:sequence<)?(\w+)/(\w+)')  # as a message names the types of its fields


def to_value(message: Any) -> Any:
    """Give what a message says."""
    kind = type(message)
    if kind in READ:
        return READ[kind](message)
    return message.data if _only_data(kind) else message


def to_message(kind: Any, value: Any, stamp: int = 0, frame: str = '') -> Any:
    """Give the message of a value; its header, where it has one, bears stamp [ns] and frame."""
    message = _message(kind, value)
    if hasattr(message, 'header'):
        message.header.stamp, message.header.frame_id = to_time(stamp), frame
    return message


def _message(kind: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _filled(kind, value)
    if kind in WRITE:
        return WRITE[kind](value)
    return kind(data=value) if _only_data(kind) else value


def _filled(kind: Any, fields: Mapping[str, Any]) -> Any:
    """Fill a message by field names, however deep; ValueError names a field that does not exist."""
    message, known = kind(), kind.get_fields_and_field_types()
    for name, value in fields.items():
        if name not in known:
            raise ValueError(f'{kind.__name__} has no {name}; it has {", ".join(known)}')
        nested = NESTED.match(known[name])
        if nested and isinstance(value, Sequence):
            part = interface('{}/msg/{}'.format(*nested.groups()))
            setattr(message, name, [_message(part, item) for item in value])
        elif nested:
            setattr(message, name, _message(type(getattr(message, name)), value))
        else:
            setattr(message, name, value.tolist() if isinstance(value, np.ndarray) else value)
    return message


def _only_data(kind: Any) -> bool:
    return list(kind.get_fields_and_field_types()) == ['data']
