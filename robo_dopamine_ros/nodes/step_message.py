"""Between steps of experience and the messages that carry them; features are float16, as stored."""

import array

import numpy as np
from robo_dopamine import msg as ours

from robo_dopamine_ros.learning.steps import Frame, Key, Step
from robo_dopamine_ros.ros.convert import from_time, to_time, twist_from_msg, twist_to_msg
from robo_dopamine_ros.types import Mode


def step_to_msg(step: Step, frame_id: str) -> ours.Step:
    """Give the message of a step of practice; `frame_id` is the arm's base frame."""
    message = ours.Step(
        epoch=step.key.epoch,
        sequence=step.key.sequence,
        episode=step.episode,
        begin=frame_to_msg(step.begin),
        end=frame_to_msg(step.end),
        mode=int(step.mode),
        twist=twist_to_msg(step.twist),
        gripper=float(step.gripper),
        gripper_before=float(step.gripper_before),
        policy_version=step.policy_version,
    )
    message.header.stamp, message.header.frame_id = to_time(step.end.stamp), frame_id
    return message


def step_from_msg(message: ours.Step, run: str) -> Step:
    """Give the step of a message; ValueError for what no step can be."""
    return Step(
        key=Key(run, message.epoch, message.sequence),
        episode=message.episode,
        begin=frame_from_msg(message.begin),
        end=frame_from_msg(message.end),
        mode=Mode(message.mode),
        twist=twist_from_msg(message.twist),
        gripper=message.gripper,
        gripper_before=message.gripper_before,
        policy_version=message.policy_version,
    )


def frame_to_msg(frame: Frame) -> ours.Frame:
    """Give the message of a frame."""
    return ours.Frame(
        stamp=to_time(frame.stamp), features=_floats(frame.features), state=_floats(frame.state)
    )


def frame_from_msg(message: ours.Frame) -> Frame:
    """Give the frame of a message, its features float16; ValueError unless all of it is finite."""
    with np.errstate(over='ignore'):  # what is too large becomes infinite, and is refused
        features = np.array(message.features, np.float32).astype(np.float16)
    return Frame(from_time(message.stamp), features, np.array(message.state, np.float32))


def _floats(values: np.ndarray) -> array.array:
    return array.array('f', values.astype(np.float32).tobytes())
