"""The controllers' side of an arm under CRISP, for what stands in for such an arm."""

import math
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray

from robo_dopamine_ros.arms import crisp, grippers
from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.ros.convert import pose_from_msg
from robo_dopamine_ros.ros.interfaces import interface
from robo_dopamine_ros.ros.topics import reliable
from robo_dopamine_ros.ros.values import to_message
from robo_dopamine_ros.types import ArmState, Pose

TOLD = (crisp.POSE, crisp.TWIST, crisp.JOINTS, crisp.WRENCH, grippers.STATE)
STATE = reliable(1)  # as the controllers of ros2_control speak and listen


class CrispSide:
    """Hears targets, unless more than one node publishes them, and tells of the arm."""

    def __init__(
        self,
        node: Node,
        frames: tuple[str, str],
        aim: Callable[[Pose], None],
        grip: Callable[[float], None],
    ) -> None:
        """`frames` are those of the base and of the tool; `aim` may raise ValueError."""
        self._node, (self._base, self._tool) = node, frames
        self._aim, self._grip = aim, grip
        self._outs = {c: node.create_publisher(interface(c.type), c.name, STATE) for c in TOLD}
        node.create_subscription(PoseStamped, crisp.TARGET.name, self._on_target, STATE)
        node.create_subscription(Float64MultiArray, grippers.COMMAND.name, self._on_grip, STATE)

    def tell(self, state: ArmState) -> None:
        """Publish the state of the arm, whose twist is that of the tool in its own frame."""
        joints = Joints(state.joint_names, state.joints, state.joint_velocities)
        gripper = Joints(('gripper',), np.array([state.gripper]))
        said = (
            (crisp.POSE, state.pose, self._base),
            (crisp.TWIST, state.twist, self._tool),
            (crisp.JOINTS, joints, ''),
            (crisp.WRENCH, state.wrench, self._base),
            (grippers.STATE, gripper, ''),
        )
        for channel, value, frame in said:
            message = to_message(interface(channel.type), value, state.stamp, frame)
            self._outs[channel].publish(message)

    def _on_target(self, message: PoseStamped) -> None:
        try:
            if (number := self._node.count_publishers(crisp.TARGET.name)) > 1:
                raise ValueError(f'{number} nodes publish it, there must be one')
            self._aim(pose_from_msg(message.pose))
        except ValueError as error:
            text = f'{crisp.TARGET.name} ignored: {error}'
            self._node.get_logger().warning(text, throttle_duration_sec=1.0)

    def _on_grip(self, message: Float64MultiArray) -> None:
        if len(message.data) == 1 and math.isfinite(message.data[0]):
            self._grip(message.data[0])
