"""An arm behind ros2_control: `position_controller_driver.py ARM [ur]`, ARM of arms/descriptions.

It behaves like a forward_position_controller, a joint_state_broadcaster and a
robot_state_publisher: commands of every publisher are executed, in the controller's order, and held
forever; states have the joints in another order, with a finger between them; the URDF is latched.
The arm lags. Each line on stdin sets a fault: `drop`, `nan`, `missing` (a joint of the states),
`stuck`, or an empty line for none. With `ur` it is the arm of ur_driver.py.
"""

import math
import sys

import numpy as np
from arms.descriptions import ARMS, Described
from drivers.faulty import run_faulty
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String

RATE = 100.0  # [Hz]
LAG = 0.05  # of the arm behind its commands [s]
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class PositionControllerDriver(Node):
    """Joints that follow their commands with a lag."""

    def __init__(self, arm: Described) -> None:
        super().__init__('controller_manager')
        self.fault = ''
        self.active = True  # the position controller
        self._names = arm.joints
        self._joints = self._target = np.array(arm.home)
        self._velocities = np.zeros(len(arm.home))
        description = self.create_publisher(String, 'robot_description', LATCHED)
        description.publish(String(data=arm.text))
        self._states = self.create_publisher(JointState, 'joint_states', 10)
        commands = 'forward_position_controller/commands'
        self.create_subscription(Float64MultiArray, commands, self._on_command, 10)
        self.create_timer(1 / RATE, self._tick)

    def _on_command(self, message: Float64MultiArray) -> None:
        if self.active and len(message.data) == len(self._names):
            self._target = np.array(message.data)

    def _tick(self) -> None:
        goal = self._joints if self.fault == 'stuck' else self._target
        self._velocities = (goal - self._joints) / LAG
        self._joints = self._joints + self._velocities / RATE
        if self.fault != 'drop':
            self._report()

    def _report(self) -> None:
        joints = [math.nan] * len(self._names) if self.fault == 'nan' else self._joints.tolist()
        rows = list(zip(self._names, joints, self._velocities.tolist(), strict=True))[::-1]
        rows.insert(1, ('finger_joint', 0.02, math.nan))
        if self.fault == 'missing':
            del rows[3]
        message = JointState()
        message.name, message.position, message.velocity = map(list, zip(*rows, strict=True))
        message.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(message)


def make() -> Node:
    arm = ARMS[sys.argv[1]]
    if 'ur' not in sys.argv:
        return PositionControllerDriver(arm)
    from drivers.ur_driver import UrDriver

    return UrDriver(arm)


if __name__ == '__main__':
    sys.exit(run_faulty(make))
