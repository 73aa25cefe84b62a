"""The controllers of an arm under CRISP, started as `crisp_driver.py [franka]`.

Topics, types and quality of service are those of CRISP. Targets are executed whatever their frame
and stamp, held forever, and all ignored while two nodes publish them; state is best effort; the
twist is that of the tool in the tool frame. Each line on stdin sets a fault: `drop`, `jump`, `nan`,
`frame`, `push` (60 N on the tool), `error`, or an empty line for none. With `franka` an error
deactivates the hardware and silences every controller until it is recovered.
"""

import sys

import numpy as np
from drivers.faulty import run_faulty
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from robo_dopamine_ros.geometry import integrate_twist, pose_difference, rotate_vector_inverse
from robo_dopamine_ros.ros.convert import pose_from_msg, pose_to_msg, twist_to_msg, wrench_to_msg
from robo_dopamine_ros.types import Pose

RATE = 100.0  # [Hz]
LAG = 0.05  # of the arm behind its target [s]
START = Pose(np.array([0.5, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))  # tool down
JUMP = np.array([0.2, 0.0, 0.0])  # [m]
PUSH = np.array([0.0, 0.0, 60.0, 0.0, 0.0, 0.0])  # [N, N m]
NAN_POSE = Pose(np.full(3, np.nan), START.orientation)


class CrispDriver(Node):
    """An arm that follows its targets with a lag."""

    def __init__(self) -> None:
        super().__init__('controller_manager')
        self.fault = ''
        self.silent = False  # as when the controllers are not active
        self._pose = self._target = START
        self._opening = 1.0
        state = qos_profile_sensor_data
        self._poses = self.create_publisher(PoseStamped, 'current_pose', state)
        self._twists = self.create_publisher(TwistStamped, 'current_twist', state)
        self._joints = self.create_publisher(JointState, 'joint_states', state)
        self._wrenches = self.create_publisher(WrenchStamped, 'external_wrench', state)
        self._fingers = self.create_publisher(JointState, 'gripper/joint_states', state)
        self.create_subscription(PoseStamped, 'target_pose', self._on_target, 1)
        commands = 'gripper/gripper_position_controller/commands'
        self.create_subscription(Float64MultiArray, commands, self._on_grip, 1)
        self.create_timer(1 / RATE, self._tick)

    def hold(self) -> None:
        """Take the measured pose as the target, as a controller does when it is activated."""
        self._target = self._pose

    def _on_target(self, message: PoseStamped) -> None:
        if self.count_publishers('target_pose') == 1 and not self.silent:
            self._target = pose_from_msg(message.pose)

    def _on_grip(self, message: Float64MultiArray) -> None:
        self._opening = message.data[0]

    def _tick(self) -> None:
        if self.silent:
            return
        twist = pose_difference(self._pose, self._target) / LAG
        self._pose = integrate_twist(self._pose, twist, 1 / RATE)
        if self.fault != 'drop':
            self._report(twist)

    def _report(self, twist: np.ndarray) -> None:
        now, pose = self.get_clock().now().to_msg(), self._pose
        faulty = {'jump': Pose(pose.position + JUMP, pose.orientation), 'nan': NAN_POSE}
        measured = PoseStamped(pose=pose_to_msg(faulty.get(self.fault, pose)))
        measured.header.frame_id = 'world' if self.fault == 'frame' else 'base'
        local = np.concatenate(
            [rotate_vector_inverse(part, pose.orientation) for part in np.split(twist, 2)]
        )
        speed = TwistStamped(twist=twist_to_msg(local))
        speed.header.frame_id = 'fr3_hand_tcp'
        wrench = WrenchStamped(wrench=wrench_to_msg(PUSH * (self.fault == 'push')))
        wrench.header.frame_id = 'base'
        names, zeros = [f'fr3_joint{i}' for i in range(1, 8)], [0.0] * 7
        joints = JointState(name=names, position=zeros, velocity=zeros, effort=zeros)
        fingers = JointState(name=['gripper'], position=[self._opening])
        for publisher, message in (
            (self._poses, measured),
            (self._twists, speed),
            (self._wrenches, wrench),
            (self._joints, joints),
            (self._fingers, fingers),
        ):
            message.header.stamp = now
            publisher.publish(message)


def make() -> Node:
    if 'franka' not in sys.argv:
        return CrispDriver()
    from drivers.franka_driver import FrankaDriver

    return FrankaDriver()


if __name__ == '__main__':
    sys.exit(run_faulty(make))
