"""A Franka behind franka_ros2: after an error its hardware must be brought back in three steps.

Since franka_ros2 3.3 (Jazzy) and 2.4 (Humble) an error leaves the process alive, but takes the
hardware to `unconfigured` and deactivates every controller, broadcasters too: the arm falls silent.
What is down is known from the controller manager's `activity` (Jazzy). FrankaRobotState, which has
the robot's mode, is not heard: a large message 1,000 times a second is too much for Python.
"""

from dataclasses import dataclass

from robo_dopamine_ros.arms.arm import Call, Script
from robo_dopamine_ros.arms.controllers import ACTIVE_STATE, activated


@dataclass(frozen=True)
class FrankaParameters:
    """The names of franka_ros2; a prefix or namespace of the launch is part of them."""

    hardware: str = ''  # hardware component, FrankaHardwareInterface; empty: there is no Franka
    controllers: tuple[str, ...] = ()  # that must be active, broadcasters too
    manager: str = 'controller_manager'  # node of the controller manager
    error_recovery: str = 'action_server/error_recovery'  # action

    def __post_init__(self) -> None:
        if self.hardware and not self.controllers:
            raise ValueError('controllers is empty; name those that move the arm and tell its pose')


def started(parameters: FrankaParameters) -> Script:
    """Activate the controllers; the arm holds where it is."""
    if not parameters.hardware:
        return ''
    return (yield from activated(parameters.manager, parameters.controllers))


def recovered(parameters: FrankaParameters) -> Script:
    """Clear an error, bring the hardware back, then its controllers: in this order, or not at all.

    The controllers start from the measured pose, so nothing moves.
    """
    if not parameters.hardware:
        return ''
    reply = yield Call(
        parameters.error_recovery,
        'franka_msgs/action/ErrorRecovery',
        timeout=10.0,
        title='clear the error',
    )
    if isinstance(reply, str):
        return reply
    reply = yield Call(
        f'{parameters.manager}/set_hardware_component_state',
        'controller_manager_msgs/srv/SetHardwareComponentState',
        {'name': parameters.hardware, 'target_state': ACTIVE_STATE},
        timeout=10.0,
        title=f'activate {parameters.hardware}',
    )
    if isinstance(reply, str):
        return reply
    if not reply.ok:
        return f'{parameters.hardware} is {reply.state.label}, it could not be activated'
    return (yield from activated(parameters.manager, parameters.controllers))
