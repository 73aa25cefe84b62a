"""Emulates the topics of CRISP controllers, for the simulated arm."""

import math
from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray

from robo_dopamine_ros.arms import crisp, grippers
from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.ros.convert import encode_driver_message, pose_from_msg
from robo_dopamine_ros.ros.interfaces import get_interface
from robo_dopamine_ros.ros.topics import reliable
from robo_dopamine_ros.types import ArmState, Pose

STATE_CHANNELS = (
    crisp.CURRENT_POSE,
    crisp.CURRENT_TWIST,
    crisp.JOINT_STATES,
    crisp.EXTERNAL_WRENCH,
    grippers.STATE_CHANNEL,
)
CONTROLLER_QOS = reliable(1)  # that of the controllers of ros2_control


class CrispEmulator:
    """Receives targets, unless more than one node publishes them, and publishes the arm state."""

    def __init__(
        self,
        node: Node,
        frames: tuple[str, str],
        set_target: Callable[[Pose], None],
        set_gripper: Callable[[float], None],
    ) -> None:
        """`frames` are those of base and tool; `set_target` may raise ValueError."""
        self._node, (self._base, self._tool) = node, frames
        self._set_target, self._set_gripper = set_target, set_gripper
        self._publishers = {
            channel: node.create_publisher(
                get_interface(channel.type), channel.name, CONTROLLER_QOS
            )
            for channel in STATE_CHANNELS
        }
        for kind, channel, callback in (
            (PoseStamped, crisp.TARGET_POSE, self._on_target),
            (Float64MultiArray, grippers.COMMAND_CHANNEL, self._on_gripper),
        ):
            node.create_subscription(kind, channel.name, callback, CONTROLLER_QOS)

    def publish_state(self, state: ArmState) -> None:
        """Publish a state of the arm whose twist is that of the tool in the tool frame."""
        joints = Joints(state.joint_names, state.joints, state.joint_velocities)
        gripper = Joints(('gripper',), np.array([state.gripper]))
        values = (
            (crisp.CURRENT_POSE, state.pose, self._base),
            (crisp.CURRENT_TWIST, state.twist, self._tool),
            (crisp.JOINT_STATES, joints, ''),
            (crisp.EXTERNAL_WRENCH, state.wrench, self._base),
            (grippers.STATE_CHANNEL, gripper, ''),
        )
        for channel, value, frame in values:
            message = encode_driver_message(get_interface(channel.type), value, state.stamp, frame)
            self._publishers[channel].publish(message)

    def _on_target(self, message: PoseStamped) -> None:
        try:
            if (number := self._node.count_publishers(crisp.TARGET_POSE.name)) > 1:
                raise ValueError(f'{number} nodes publish it, there must be one')
            self._set_target(pose_from_msg(message.pose))
        except ValueError as error:
            text = f'{crisp.TARGET_POSE.name} ignored: {error}'
            self._node.get_logger().warning(text, throttle_duration_sec=1.0)

    def _on_gripper(self, message: Float64MultiArray) -> None:
        if len(message.data) == 1 and math.isfinite(message.data[0]):
            self._set_gripper(message.data[0])
