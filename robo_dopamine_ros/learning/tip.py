"""What is worked with, beyond the tool: the state of its tip is what a policy is told."""

from dataclasses import replace

import numpy as np

from robo_dopamine_ros.geometry import rotated
from robo_dopamine_ros.learning.observation import proprioception
from robo_dopamine_ros.types import ArmState, Pose

STATE = 15  # numbers of proprioception


def tip_state(arm: ArmState, target: Pose | None, origin: np.ndarray, reach: float) -> np.ndarray:
    """Proprioception (15,) of the tip, `reach` [m] along the tool's z; arm and target: the tool."""
    goal = None if target is None else beyond(target, reach)
    return proprioception(at_tip(arm, reach), goal, origin)


def beyond(pose: Pose, reach: float) -> Pose:
    """The pose of what lies `reach` [m] along the tool's z."""
    return Pose(pose.position + _lever(pose, reach), pose.orientation)


def at_tip(arm: ArmState, reach: float) -> ArmState:
    """Pose, twist and wrench of the tip that a tool holds."""
    lever = _lever(arm.pose, reach)
    linear, angular = arm.twist[:3], arm.twist[3:]
    force, torque = arm.wrench[:3], arm.wrench[3:]
    return replace(
        arm,
        pose=beyond(arm.pose, reach),
        twist=np.concatenate([linear + np.cross(angular, lever), angular]),
        wrench=np.concatenate([force, torque - np.cross(lever, force)]),
    )


def _lever(pose: Pose, reach: float) -> np.ndarray:
    return rotated(np.array([0.0, 0.0, reach]), pose.orientation)
