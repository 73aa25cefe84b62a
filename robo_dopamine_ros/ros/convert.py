"""Conversion between messages and values; stamps are exact to the nanosecond.

`to_msg` and `from_msg` convert every dataclass of types.py that has a message of its name, field by
field; `encode_driver_message` and `decode_driver_message` those of arm drivers (see arms/arm.py).
Vectors are arrays: a twist (6,) [m/s, rad/s], a wrench (6,) [N, N m]. Images: images.py.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple, get_type_hints

import geometry_msgs.msg as geometry
import numpy as np
from builtin_interfaces.msg import Time
from robo_dopamine import msg as ours
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header

from robo_dopamine_ros import types
from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.ros.interfaces import get_interface
from robo_dopamine_ros.types import SECOND, Pose

ALIASES = {('ArmState', 'joints'): 'joint_positions'}  # fields that the message names otherwise


def to_time(stamp: int) -> Time:
    """Encode a stamp [ns]."""
    seconds, nanoseconds = divmod(stamp, SECOND)
    return Time(sec=seconds, nanosec=nanoseconds)


def from_time(time: Time) -> int:
    """Decode a time message to a stamp [ns]."""
    return time.sec * SECOND + time.nanosec


def set_header(message: Any, stamp: int, frame: str = '') -> Any:
    """Set stamp [ns] and frame_id of a message's header, and return the message."""
    message.header.stamp = to_time(stamp)
    message.header.frame_id = frame
    return message


def to_msg(value: Any, frame: str = '') -> Any:
    """Encode a dataclass of types.py; `frame` is the arm's base frame where vectors are sent."""
    message = getattr(ours, type(value).__name__)()
    for field in _fields(type(value).__name__):
        item = getattr(value, field.name)
        if field.has_name:
            setattr(message, field.has_name, item is not None)
        if item is not None:
            encoded = to_msg(item, frame) if field.nested else field.encode(item)
            setattr(message, field.message_name, encoded)
    if isinstance(value, types.LearnerStatus):
        message.loss_names, message.losses = list(value.losses), floats(value.losses.values())
    return set_header(message, value.stamp, frame)


def from_msg(message: Any) -> Any:
    """Decode one of our messages; ValueError for an enum value or a length that is not valid."""
    name = type(message).__name__
    kind = getattr(types, name)
    values: dict[str, Any] = {'stamp': from_time(message.header.stamp)}
    for field in _fields(name):
        if not field.has_name or getattr(message, field.has_name):
            values[field.name] = field.decode(getattr(message, field.message_name))
        else:
            values[field.name] = None
    if kind is types.LearnerStatus:
        values['losses'] = dict(zip(message.loss_names, message.losses, strict=True))
    return kind(**values)


def played_frame_from_msg(message: Header) -> tuple[int, int]:
    """Decode stamp [ns] and index of a recorded frame that was shown."""
    return from_time(message.stamp), int(message.frame_id)


def pose_to_msg(pose: Pose) -> geometry.Pose:
    """Encode a pose."""
    message = geometry.Pose()
    message.position.x, message.position.y, message.position.z = floats(pose.position)
    quaternion = message.orientation
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = floats(pose.orientation)
    return message


def pose_from_msg(message: geometry.Pose) -> Pose:
    """Decode a pose."""
    position, quaternion = message.position, message.orientation
    return Pose(
        position=np.array([position.x, position.y, position.z]),
        orientation=np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w]),
    )


def twist_to_msg(twist: np.ndarray) -> geometry.Twist:
    """Encode a twist (6,)."""
    linear, angular = _to_vectors(twist)
    return geometry.Twist(linear=linear, angular=angular)


def twist_from_msg(message: geometry.Twist) -> np.ndarray:
    """Decode a twist (6,)."""
    return _from_vectors(message.linear, message.angular)


def wrench_to_msg(wrench: np.ndarray) -> geometry.Wrench:
    """Encode a wrench (6,)."""
    force, torque = _to_vectors(wrench)
    return geometry.Wrench(force=force, torque=torque)


def wrench_from_msg(message: geometry.Wrench) -> np.ndarray:
    """Decode a wrench (6,)."""
    return _from_vectors(message.force, message.torque)


def floats(values: Iterable[float]) -> list[float]:
    """Return Python floats, which messages demand."""
    return [float(value) for value in values]


class _Field(NamedTuple):
    name: str  # in the dataclass
    message_name: str
    has_name: str  # of the field that says whether there is a value; empty: there always is
    nested: bool  # whether the value has a message of ours
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


CODECS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    'builtin_interfaces/Time': (to_time, from_time),
    'geometry_msgs/Pose': (pose_to_msg, pose_from_msg),
    'geometry_msgs/Twist': (twist_to_msg, twist_from_msg),
    'geometry_msgs/Wrench': (wrench_to_msg, wrench_from_msg),
    'sequence<double>': (floats, np.array),
    'sequence<string>': (list, tuple),
    'double': (float, float),
}


@cache
def _fields(type_name: str) -> tuple[_Field, ...]:
    """Match the fields of a type with those of its message, apart from the header's stamp."""
    kind, known = getattr(types, type_name), getattr(ours, type_name).get_fields_and_field_types()
    hints, found = get_type_hints(kind), []
    for name in (field.name for field in fields(kind)):
        message_name = ALIASES.get((type_name, name), name)
        if name == 'stamp' or (kind, name) == (types.LearnerStatus, 'losses'):
            continue
        hint, message_type = hints[name], known[message_name]
        nested = message_type.startswith('robo_dopamine/')
        encode, decode = CODECS.get(message_type, (lambda value: value, lambda value: value))
        if nested:
            decode = from_msg
        elif isinstance(hint, type) and issubclass(hint, IntEnum):
            encode, decode = int, hint
        elif hint == np.ndarray | None:
            decode = _array_or_none
        has_name = f'has_{message_name}' if f'has_{message_name}' in known else ''
        found.append(_Field(name, message_name, has_name, nested, encode, decode))
    return tuple(found)


def _array_or_none(values: Iterable[float]) -> np.ndarray | None:
    return np.array(values) if values else None


def _to_vectors(six: np.ndarray) -> tuple[geometry.Vector3, geometry.Vector3]:
    x, y, z, rx, ry, rz = floats(six)
    return geometry.Vector3(x=x, y=y, z=z), geometry.Vector3(x=rx, y=ry, z=rz)


def _from_vectors(first: geometry.Vector3, second: geometry.Vector3) -> np.ndarray:
    return np.array([first.x, first.y, first.z, second.x, second.y, second.z])


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


def decode_driver_message(message: Any) -> Any:
    """Decode a driver's message."""
    kind = type(message)
    if kind in FROM_MESSAGE:
        return FROM_MESSAGE[kind](message)
    return message.data if _has_only_data(kind) else message


def encode_driver_message(kind: Any, value: Any, stamp: int = 0, frame: str = '') -> Any:
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
