"""MoveIt Servo for a UR5e, started as `servo_driver.py [humble]`.

Topics and types are those of Servo. It ignores twists before its command type is set (Jazzy) or it
is started (Humble), halts when the newest twist is 0.1 s old by its header, and publishes nothing
while it is paused. Each line on stdin sets a fault: `collision`, `singularity`, `pause`, `unitless`
(its parameter), or an empty line for none.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from drivers.faulty import run_faulty
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Duration, Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Int8, String
from std_srvs.srv import SetBool, Trigger

from robo_dopamine_ros.arms.kinematics import Kinematics
from robo_dopamine_ros.ros.convert import twist_from_msg

URDF = Path(__file__).parents[1] / 'arms' / 'urdf' / 'ur5e.urdf'
JOINTS = [
    'shoulder_pan_joint',
    'shoulder_lift_joint',
    'elbow_joint',
    'wrist_1_joint',
    'wrist_2_joint',
    'wrist_3_joint',
]
START = np.array([0.3, -1.6, 1.9, -1.9, -1.5, 0.2])  # [rad]
PERIOD = 0.01  # [s]
STALE = Duration(seconds=0.1)
UNITS_PARAMETER = 'moveit_servo.command_in_type'
FRAME_PARAMETER = 'moveit_servo.apply_twist_commands_about_ee_frame'
HALTS = {'jazzy': {'singularity': 2, 'collision': 5}, 'humble': {'singularity': 2, 'collision': 4}}


class ServoDriver(Node):
    """Moves joints by the newest twist, while it is not too old."""

    def __init__(self, distribution: str) -> None:
        super().__init__('servo_node')
        self.fault = ''
        self._codes, self._q = HALTS[distribution], START.copy()
        self._kinematics = Kinematics(URDF.read_text(), JOINTS, 'base', 'tool0')
        self._twist: TwistStamped | None = None
        self.declare_parameter(UNITS_PARAMETER, 'speed_units')
        self._ready = False
        self._paused = distribution == 'humble'  # until it is started
        self._joints = self.create_publisher(JointState, '/joint_states', 10)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._description = self.create_publisher(String, '/robot_description', latched)
        self._description.publish(String(data=URDF.read_text()))
        self.create_subscription(TwistStamped, '~/delta_twist_cmds', self._on_twist, 10)
        getattr(self, f'_setup_{distribution}')()
        self.create_timer(PERIOD, self._tick)

    def _setup_jazzy(self) -> None:
        from moveit_msgs.msg import ServoStatus
        from moveit_msgs.srv import ServoCommandType

        self.declare_parameter(FRAME_PARAMETER, True)
        self._status, self._kind = self.create_publisher(ServoStatus, '~/status', 10), ServoStatus
        self._key = 'code'
        self.create_service(ServoCommandType, '~/switch_command_type', self._on_type)
        self.create_service(SetBool, '~/pause_servo', self._on_pause)

    def _setup_humble(self) -> None:
        self._status, self._kind = self.create_publisher(Int8, '~/status', 10), Int8
        self._key = 'data'
        self.create_service(Trigger, '~/start_servo', self._on_start)

    def _on_type(self, request: Any, response: Any) -> Any:
        self._ready = request.command_type == request.TWIST
        response.success = 0 <= request.command_type <= 2
        return response

    def _on_pause(self, request: Any, response: Any) -> Any:
        self._paused, response.success = request.data, True
        return response

    def _on_start(self, _: Any, response: Any) -> Any:
        self._ready, self._paused, response.success = True, False, True
        return response

    def _on_twist(self, message: TwistStamped) -> None:
        if self._ready:
            self._twist = message

    def _tick(self) -> None:
        if self.fault == 'unitless':
            self.set_parameters([Parameter(UNITS_PARAMETER, value='unitless')])
        if self.fault == 'pause':
            self._paused, self.fault = True, ''
        now = self.get_clock().now()
        code = self._codes.get(self.fault, 0)
        if not self._paused:
            if self._twist and not code and now - Time.from_msg(self._twist.header.stamp) < STALE:
                twist = twist_from_msg(self._twist.twist)
                self._q += (
                    np.linalg.solve(self._kinematics.pose_and_jacobian(self._q)[1], twist) * PERIOD
                )
            self._status.publish(self._kind(**{self._key: code}))
        joints = JointState(name=JOINTS[::-1], position=self._q[::-1].tolist())
        joints.header.stamp = now.to_msg()
        self._joints.publish(joints)


if __name__ == '__main__':
    sys.exit(run_faulty(lambda: ServoDriver('humble' if 'humble' in sys.argv else 'jazzy')))
