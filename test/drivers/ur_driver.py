"""A Universal Robots arm behind its driver, with protective stops and automatic restarts.

`stop` on stdin is a protective stop; `blip` stops the program and runs it again at once. While the
program does not run the controllers are inactive; when it runs they are activated automatically.
"""

import time
from typing import Any

from arms.descriptions import Described
from drivers.position_controller_driver import PositionControllerDriver
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_system_default
from std_msgs.msg import Bool, Float64
from std_srvs.srv import Trigger

try:
    from ur_dashboard_msgs.msg import RobotMode, SafetyMode
except ModuleNotFoundError:  # as on most machines
    RobotMode = SafetyMode = None

LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
EARLY = 0.3  # after a protective stop it cannot be unlocked for so long [s]; 5 s with a real one


class UrDriver(PositionControllerDriver):
    """Adds status topics, dashboard and stops."""

    def __init__(self, arm: Described) -> None:
        super().__init__(arm)
        self._safety, self._stopped = 1, 0.0
        status = 'io_and_status_controller'
        self._running = self.create_publisher(Bool, f'{status}/robot_program_running', LATCHED)
        scaling = 'speed_scaling_state_broadcaster/speed_scaling'
        self._scaling = self.create_publisher(Float64, scaling, qos_profile_system_default)
        self._modes: list[Any] = []
        if RobotMode:
            self._modes = [
                self.create_publisher(RobotMode, f'{status}/robot_mode', LATCHED),
                self.create_publisher(SafetyMode, f'{status}/safety_mode', LATCHED),
            ]
        for name, serve in (
            (f'{status}/resend_robot_program', self._on_program),
            ('dashboard_client/play', self._on_program),
            ('dashboard_client/unlock_protective_stop', self._on_unlock),
        ):
            self.create_service(Trigger, name, serve)
        self._run(True)

    def _tick(self) -> None:
        if self.fault == 'stop':
            self._safety, self._stopped = 3, time.monotonic()
            self._run(False)
        elif self.fault == 'blip':
            self._run(False)
            self._run(True)
        if self.fault in ('stop', 'blip'):
            self.fault = ''
        self._scaling.publish(Float64(data=100.0 if self.active else 0.0))
        super()._tick()

    def _run(self, runs: bool) -> None:
        self.active, self._target = runs, self._joints
        self._running.publish(Bool(data=runs))
        if self._modes:
            self._modes[0].publish(RobotMode(mode=RobotMode.RUNNING))
            self._modes[1].publish(SafetyMode(mode=self._safety))

    def _on_unlock(self, request: Any, response: Any) -> Any:
        response.success = time.monotonic() - self._stopped > EARLY
        response.message = '' if response.success else 'Cannot unlock: wait 5 s'
        if response.success:
            self._safety = 1
            self._run(False)
        return response

    def _on_program(self, request: Any, response: Any) -> Any:
        response.success = self._safety == 1
        if response.success:
            self._run(True)
        return response
