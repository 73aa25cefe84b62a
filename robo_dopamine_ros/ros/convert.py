"""Between ROS messages and the nouns of types.py; stamps stay exact to the nanosecond."""

import array
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import geometry_msgs.msg as geometry
import numpy as np
from builtin_interfaces.msg import Time
from robo_dopamine import msg as ours
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.types import (
    SECOND,
    Action,
    ArmState,
    Control,
    Episode,
    Kept,
    LearnerStatus,
    Mode,
    Outcome,
    Phase,
    Pose,
    Progress,
    Reward,
)


def to_time(stamp: int) -> Time:
    """Give a time message of a stamp [ns]."""
    seconds, nanoseconds = divmod(stamp, SECOND)
    return Time(sec=seconds, nanosec=nanoseconds)


def from_time(time: Time) -> int:
    """Give the stamp [ns] of a time message."""
    return time.sec * SECOND + time.nanosec


def progress_to_msg(progress: Progress) -> ours.Progress:
    """Give the message of a reading."""
    return _to_msg(progress, ours.Progress())


def progress_from_msg(message: ours.Progress) -> Progress:
    """Give the reading of a message."""
    return Progress(stamp=from_time(message.header.stamp), **_plain(message, Progress))


def reward_to_msg(reward: Reward) -> ours.Reward:
    """Give the message of a reward."""
    message = _to_msg(reward, ours.Reward(), 'previous_stamp')
    message.previous_stamp = to_time(reward.previous_stamp)
    return message


def reward_from_msg(message: ours.Reward) -> Reward:
    """Give the reward of a message."""
    return Reward(
        stamp=from_time(message.header.stamp),
        previous_stamp=from_time(message.previous_stamp),
        **_plain(message, Reward, 'previous_stamp'),
    )


def episode_to_msg(episode: Episode) -> ours.Episode:
    """Give the message of an episode."""
    message = _to_msg(episode, ours.Episode(), 'phase', 'outcome')
    message.phase = int(episode.phase)
    message.outcome = int(episode.outcome)
    return message


def episode_from_msg(message: ours.Episode) -> Episode:
    """Give the episode of a message; ValueError for a phase or outcome that does not exist."""
    return Episode(
        stamp=from_time(message.header.stamp),
        phase=Phase(message.phase),
        outcome=Outcome(message.outcome),
        **_plain(message, Episode, 'phase', 'outcome'),
    )


def played_from_msg(message: Header) -> tuple[int, int]:
    """Give stamp [ns] and index of a recorded frame that was shown."""
    return from_time(message.stamp), int(message.frame_id)


def arm_state_to_msg(state: ArmState, frame: str) -> ours.ArmState:
    """Give the message of an arm state; `frame` is the arm's base frame."""
    message = ours.ArmState(
        pose=pose_to_msg(state.pose),
        twist=twist_to_msg(state.twist),
        joint_names=list(state.joint_names),
        joint_positions=_floats(state.joints),
        joint_velocities=_floats(state.joint_velocities),
        gripper=float(state.gripper),
        wrench=wrench_to_msg(state.wrench),
        fault=state.fault,
        driver=state.driver,
    )
    return _stamped(message, state.stamp, frame)


def arm_state_from_msg(message: ours.ArmState) -> ArmState:
    """Give the arm state of a message."""
    return ArmState(
        stamp=from_time(message.header.stamp),
        pose=pose_from_msg(message.pose),
        twist=twist_from_msg(message.twist),
        joints=np.array(message.joint_positions),
        joint_velocities=np.array(message.joint_velocities),
        joint_names=tuple(message.joint_names),
        gripper=message.gripper,
        wrench=wrench_from_msg(message.wrench),
        fault=message.fault,
        driver=message.driver,
    )


def action_to_msg(action: Action, frame: str) -> ours.ArmCommand:
    """Give the command message of a wish; `frame` is the arm's base frame."""
    message = ours.ArmCommand(
        twist=twist_to_msg(action.twist),
        joints=_floats([] if action.joints is None else action.joints),
        gripper=float(action.gripper),
        valid=action.valid,
        reason=action.reason,
        policy_version=action.policy_version,
    )
    return _stamped(message, action.stamp, frame)


def action_from_msg(message: ours.ArmCommand) -> Action:
    """Give the wish of a command message."""
    return Action(
        stamp=from_time(message.header.stamp),
        twist=twist_from_msg(message.twist),
        joints=np.array(message.joints) if message.joints else None,
        gripper=message.gripper,
        valid=message.valid,
        reason=message.reason,
        policy_version=message.policy_version,
    )


def control_to_msg(control: Control, frame: str) -> ours.Control:
    """Give the message of a tick of the gate; `frame` is the arm's base frame."""
    message = ours.Control(
        mode=int(control.mode),
        latched=control.latched,
        reason=control.reason,
        source=control.source,
        sent=action_to_msg(control.sent, frame),
        wished=twist_to_msg(control.wished),
        has_target=control.target is not None,
    )
    if control.target is not None:
        message.target = pose_to_msg(control.target)
    return _stamped(message, control.stamp, frame)


def control_from_msg(message: ours.Control) -> Control:
    """Give the tick of the gate; ValueError for a mode that does not exist."""
    return Control(
        stamp=from_time(message.header.stamp),
        mode=Mode(message.mode),
        latched=message.latched,
        reason=message.reason,
        source=message.source,
        sent=action_from_msg(message.sent),
        target=pose_from_msg(message.target) if message.has_target else None,
        wished=twist_from_msg(message.wished),
    )


def kept_to_msg(kept: Kept) -> ours.Kept:
    """Give the message of how far the recorder has come."""
    return _to_msg(kept, ours.Kept())


def kept_from_msg(message: ours.Kept) -> Kept:
    """Give how far the recorder has come."""
    return Kept(stamp=from_time(message.header.stamp), **_plain(message, Kept))


def learner_status_to_msg(status: LearnerStatus) -> ours.LearnerStatus:
    """Give the message of the learner's state."""
    message = _to_msg(status, ours.LearnerStatus(), 'losses')
    message.loss_names = list(status.losses)
    message.losses = _floats(status.losses.values())
    return message


def learner_status_from_msg(message: ours.LearnerStatus) -> LearnerStatus:
    """Give the learner's state; ValueError when losses and their names differ in number."""
    return LearnerStatus(
        stamp=from_time(message.header.stamp),
        losses=dict(zip(message.loss_names, message.losses, strict=True)),
        **_plain(message, LearnerStatus, 'losses'),
    )


def image_to_msg(picture: np.ndarray, stamp: int, frame: str = '') -> Image:
    """Give the rgb8 message of a (H, W, 3) uint8 picture stamped `stamp` [ns]."""
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f'picture = {picture.dtype} {picture.shape}; it must be uint8 (H, W, 3)')
    height, width, _ = picture.shape
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    message.data = array.array('B', picture.tobytes())  # anything else is checked byte by byte
    return _stamped(message, stamp, frame)


def pose_to_msg(pose: Pose) -> geometry.Pose:
    """Give the message of a pose."""
    message = geometry.Pose()
    message.position.x, message.position.y, message.position.z = _floats(pose.position)
    quaternion = message.orientation
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = _floats(pose.orientation)
    return message


def pose_from_msg(message: geometry.Pose) -> Pose:
    """Give the pose of a message."""
    position, quaternion = message.position, message.orientation
    return Pose(
        position=np.array([position.x, position.y, position.z]),
        orientation=np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w]),
    )


def twist_to_msg(twist: np.ndarray) -> geometry.Twist:
    """Give the message of a (6,) twist [m/s, rad/s]."""
    linear, angular = _vectors(twist)
    return geometry.Twist(linear=linear, angular=angular)


def twist_from_msg(message: geometry.Twist) -> np.ndarray:
    """Give the (6,) twist [m/s, rad/s] of a message."""
    return _six(message.linear, message.angular)


def wrench_to_msg(wrench: np.ndarray) -> geometry.Wrench:
    """Give the message of a (6,) wrench [N, N m]."""
    force, torque = _vectors(wrench)
    return geometry.Wrench(force=force, torque=torque)


def wrench_from_msg(message: geometry.Wrench) -> np.ndarray:
    """Give the (6,) wrench [N, N m] of a message."""
    return _six(message.force, message.torque)


def joints_to_msg(joints: Joints) -> JointState:
    """Give the message of joints."""
    return JointState(
        name=list(joints.names),
        position=_floats(joints.positions),
        velocity=_floats(joints.velocities),
        effort=_floats(joints.efforts),
    )


def joints_from_msg(message: JointState) -> Joints:
    """Give the joints of a message; ValueError when names and positions differ in number."""
    if len(message.name) != len(message.position):
        raise ValueError(f'{len(message.name)} joint names but {len(message.position)} positions')
    return Joints(
        names=tuple(message.name),
        positions=np.array(message.position),
        velocities=np.array(message.velocity),
        efforts=np.array(message.effort),
    )


def _vectors(six: np.ndarray) -> tuple[geometry.Vector3, geometry.Vector3]:
    x, y, z, rx, ry, rz = _floats(six)
    return geometry.Vector3(x=x, y=y, z=z), geometry.Vector3(x=rx, y=ry, z=rz)


def _six(first: geometry.Vector3, second: geometry.Vector3) -> np.ndarray:
    return np.array([first.x, first.y, first.z, second.x, second.y, second.z])


def _floats(values: Iterable[float]) -> list[float]:
    return [float(value) for value in values]


def _stamped(message: Any, stamp: int, frame: str = '') -> Any:
    message.header.stamp = to_time(stamp)
    message.header.frame_id = frame
    return message


def _same_named(noun: type, special: tuple[str, ...]) -> list[str]:
    """Name the fields that a noun and its message call alike."""
    return [f.name for f in fields(noun) if f.name not in ('stamp', *special)]


def _to_msg(noun: Any, message: Any, *special: str) -> Any:
    for name in _same_named(type(noun), special):
        setattr(message, name, getattr(noun, name))
    return _stamped(message, noun.stamp)


def _plain(message: Any, noun: type, *special: str) -> dict[str, Any]:
    return {name: getattr(message, name) for name in _same_named(noun, special)}
