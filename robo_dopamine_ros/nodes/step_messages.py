"""Conversion between steps of experience and their messages; features travel as float32."""

import array

import numpy as np
from robo_dopamine import msg as ours

from robo_dopamine_ros.experience.types import Observation, Step, StepId
from robo_dopamine_ros.ros.convert import from_time, to_time, twist_from_msg, twist_to_msg
from robo_dopamine_ros.types import Mode


def step_to_msg(step: Step, frame_id: str) -> ours.Step:
    """Encode a step; `frame_id` is the arm's base frame. Its run is not part of the message."""
    message = ours.Step(
        epoch=step.id.epoch,
        sequence=step.id.sequence,
        episode=step.episode,
        begin=observation_to_msg(step.begin),
        end=observation_to_msg(step.end),
        mode=int(step.mode),
        twist=twist_to_msg(step.twist),
        gripper=float(step.gripper),
        gripper_before=float(step.gripper_before),
        policy_version=step.policy_version,
    )
    message.header.stamp, message.header.frame_id = to_time(step.end.stamp), frame_id
    return message


def step_from_msg(message: ours.Step, run: str) -> Step:
    """Decode a step of a run; ValueError for an invalid mode, stamp or number."""
    return Step(
        id=StepId(run, message.epoch, message.sequence),
        episode=message.episode,
        begin=observation_from_msg(message.begin),
        end=observation_from_msg(message.end),
        mode=Mode(message.mode),
        twist=twist_from_msg(message.twist),
        gripper=message.gripper,
        gripper_before=message.gripper_before,
        policy_version=message.policy_version,
    )


def observation_to_msg(observation: Observation) -> ours.Observation:
    """Encode an observation."""
    return ours.Observation(
        stamp=to_time(observation.stamp),
        features=_floats(observation.features),
        state=_floats(observation.state),
    )


def observation_from_msg(message: ours.Observation) -> Observation:
    """Decode an observation with float16 features; ValueError unless every value is finite."""
    with np.errstate(over='ignore'):  # values beyond float16 become infinite and are refused
        features = np.array(message.features, np.float32).astype(np.float16)
    return Observation(from_time(message.stamp), features, np.array(message.state, np.float32))


def _floats(values: np.ndarray) -> array.array:
    return array.array('f', values.astype(np.float32).tobytes())
