"""A Franka below CRISP: an error deactivates its hardware, and three calls recover it."""

from typing import Any

from controller_manager_msgs.msg import (
    ControllerManagerActivity,
    ControllerState,
    NamedLifecycleState,
)
from controller_manager_msgs.srv import (
    ListControllers,
    SetHardwareComponentState,
    SwitchController,
)
from drivers.crisp_driver import CrispDriver
from franka_msgs.action import ErrorRecovery
from lifecycle_msgs.msg import State
from rclpy.action import ActionServer
from rclpy.qos import DurabilityPolicy, QoSProfile

HARDWARE = 'FrankaHardwareInterface'
CONTROLLERS = (
    'cartesian_impedance_controller',
    'pose_broadcaster',
    'twist_broadcaster',
    'joint_state_broadcaster',
)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
STATES = {'unconfigured': 1, 'inactive': 2, 'active': 3}


class FrankaDriver(CrispDriver):
    """Adds the hardware, its controller manager and the recovery."""

    def __init__(self) -> None:
        super().__init__()
        self._error, self._hardware = False, 'active'
        self._states = dict.fromkeys(CONTROLLERS, 'active')
        self._activity = self.create_publisher(ControllerManagerActivity, '~/activity', LATCHED)
        ActionServer(self, ErrorRecovery, 'action_server/error_recovery', self._on_recovery)
        self.create_service(ListControllers, '~/list_controllers', self._on_list)
        self.create_service(SwitchController, '~/switch_controller', self._on_switch)
        set_state = '~/set_hardware_component_state'
        self.create_service(SetHardwareComponentState, set_state, self._on_hardware)
        self._tell()

    def _tick(self) -> None:
        if self.fault == 'error' and not self._error:
            self._error, self._hardware = True, 'unconfigured'
            self._states = dict.fromkeys(CONTROLLERS, 'inactive')
            self._tell()
        self.silent = 'inactive' in self._states.values()
        super()._tick()

    def _tell(self) -> None:
        def named(name: str, label: str) -> NamedLifecycleState:
            return NamedLifecycleState(name=name, state=State(id=STATES[label], label=label))

        message = ControllerManagerActivity()
        message.hardware_components = [named(HARDWARE, self._hardware)]
        message.controllers = [named(*item) for item in self._states.items()]
        self._activity.publish(message)

    def _on_recovery(self, goal: Any) -> Any:
        self._error, self.fault = False, ''
        goal.succeed()
        return ErrorRecovery.Result()

    def _on_hardware(self, request: Any, response: Any) -> Any:
        possible = request.name == HARDWARE and not self._error
        if possible:
            self._hardware = request.target_state.label
            self._tell()
        response.ok = possible
        response.state = State(id=STATES[self._hardware], label=self._hardware)
        return response

    def _on_list(self, request: Any, response: Any) -> Any:
        response.controller = [ControllerState(name=n, state=s) for n, s in self._states.items()]
        return response

    def _on_switch(self, request: Any, response: Any) -> Any:
        """STRICT: fails as a whole where one is active already, or has no hardware."""
        wanted = request.activate_controllers
        response.ok = (
            request.strictness == request.STRICT
            and self._hardware == 'active'
            and all(self._states.get(name) == 'inactive' for name in wanted)
        )
        if response.ok:
            self._states.update(dict.fromkeys(wanted, 'active'))
            self.hold()
            self._tell()
        return response
