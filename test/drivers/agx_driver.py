"""An AgileX PiPER behind agx_arm_ros, started as `agx_driver.py`.

It behaves like the driver: it publishes nothing until it is enabled, moves joints that a command
leaves out to 0, ignores commands until they are enabled, and its poses have no frame_id. Each line
on stdin sets a fault: `degrees` (of the joints), `collision`, or an empty line for none.
"""

import sys
from typing import Any

import numpy as np
from arms.descriptions import ARMS
from drivers.faulty import run_faulty
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool

from robo_dopamine_ros.ros.convert import pose_to_msg

try:
    from agx_arm_msgs.msg import AgxArmStatus
except ModuleNotFoundError:  # as on most machines
    AgxArmStatus = None

RATE = 100.0  # [Hz]
LAG = 0.05  # of the arm behind its commands [s]
PIPER = ARMS['piper']
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class AgxDriver(Node):
    """Joints that follow their commands with a lag."""

    def __init__(self) -> None:
        super().__init__('agx_arm_ctrl_single_node')
        self.fault = ''
        self._enabled = self._open = False
        self._joints = self._target = np.array(PIPER.home)
        self._width = 0.07  # of the gripper [m]
        description = self.create_publisher(String, 'robot_description', LATCHED)
        description.publish(String(data=PIPER.text))
        self._states = self.create_publisher(JointState, 'feedback/joint_states', 1)
        self._poses = self.create_publisher(PoseStamped, 'feedback/tcp_pose', 1)
        if AgxArmStatus:
            self._status = self.create_publisher(AgxArmStatus, 'feedback/arm_status', 1)
        self.create_subscription(JointState, 'control/joint_states', self._on_command, 1)
        self.create_service(SetBool, 'enable_agx_arm', self._on_enable)
        self.create_service(SetBool, 'control_enable', self._on_open)
        self.create_timer(1 / RATE, self._tick)

    def _on_command(self, message: JointState) -> None:
        positions = dict(zip(message.name, message.position, strict=True))
        if self._enabled and self._open:
            self._target = np.array([positions.get(name, 0.0) for name in PIPER.joints])
            self._width = positions.get('gripper', self._width)

    def _on_enable(self, request: Any, response: Any) -> Any:
        self._enabled, response.success = request.data, True
        return response

    def _on_open(self, request: Any, response: Any) -> Any:
        self._open, response.success = request.data, True
        return response

    def _tick(self) -> None:
        if not self._enabled:
            return
        velocities = (self._target - self._joints) / LAG
        self._joints = self._joints + velocities / RATE
        unit = 180 / np.pi if self.fault == 'degrees' else 1.0
        states = JointState(name=[*PIPER.joints, 'gripper'])
        states.position = [*(unit * self._joints).tolist(), self._width]
        states.velocity = [*(unit * velocities).tolist(), 0.0]
        pose = PoseStamped(pose=pose_to_msg(PIPER.kinematics.pose(self._joints)))
        states.header.stamp = pose.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(states)
        self._poses.publish(pose)
        if AgxArmStatus:
            code = 7 if self.fault == 'collision' else 0
            self._status.publish(AgxArmStatus(ctrl_mode=1, arm_status=code))


if __name__ == '__main__':
    sys.exit(run_faulty(AgxDriver))
