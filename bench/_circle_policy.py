"""A substitute for the policy node: circles slowly at 10 Hz, and holds while an image is old."""

import math
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from robo_dopamine_ros.ros.cameras import CameraParameters, open_cameras
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.topics import ARM_STATE, POLICY_COMMAND
from robo_dopamine_ros.types import ArmCommand, ArmState

RATE = 10.0  # [Hz]
CENTRE = np.array([0.5, 0.0, 0.25])  # of the circle, base frame [m]
RADIUS, SPEED = 0.03, 0.05  # [m], [m/s]
RETURN_GAIN = 2.0  # of the velocity back to the circle [1/s]


@dataclass(frozen=True)
class CirclePolicyParameters:
    """Maximum age of the images."""

    max_input_age: float = 0.2  # [s]
    cameras: CameraParameters = field(default_factory=CameraParameters)


class CirclePolicyNode(Node):
    """Publishes commands; reads the cameras only for the age of their images."""

    def __init__(self) -> None:
        super().__init__('policy')
        self._p = declare(self, CirclePolicyParameters)
        self._cameras = open_cameras(self, self._p.cameras)
        self._state: ArmState | None = None
        self.create_subscription(ARM_STATE.type, ARM_STATE.name, self._on_state, ARM_STATE.qos)
        out = POLICY_COMMAND
        self._command_publisher = self.create_publisher(out.type, out.name, out.qos)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / RATE, self._act, clock=steady)

    def _on_state(self, message: Any) -> None:
        self._state = from_msg(message)

    def _act(self) -> None:
        stamp, reason = self.get_clock().now().nanoseconds, self._stale_reason()
        if reason or self._state is None:
            action = ArmCommand(stamp, valid=False, reason=reason or 'nothing heard of the arm yet')
        else:
            twist = circling(self._state.pose.position)
            action = ArmCommand(stamp, twist, gripper=self._state.gripper, policy_version=1)
        self._command_publisher.publish(to_msg(action, 'base'))

    def _stale_reason(self) -> str:
        """Say which views are too old."""
        self._cameras.poll()
        ages = self._cameras.stats.ages
        age = {view: ages.get(view, math.inf) for view in self._p.cameras.views}
        late = [
            f'{view} is {s:.2f} s old' for view, s in age.items() if not s <= self._p.max_input_age
        ]
        return '; '.join(late)


def circling(position: np.ndarray) -> np.ndarray:
    """Twist (6,) [m/s, rad/s] along a horizontal circle, and back to it."""
    away = position - CENTRE
    distance = max(float(np.hypot(*away[:2])), 1e-3)
    x, y = away[:2] / distance
    along = SPEED * np.array([-y, x, 0.0])
    back = RETURN_GAIN * np.array([*(RADIUS - distance) * np.array([x, y]), -away[2]])
    velocity = along + back
    return np.append(velocity * min(1.0, SPEED / float(np.linalg.norm(velocity))), np.zeros(3))


if __name__ == '__main__':
    sys.exit(run_node(CirclePolicyNode))
