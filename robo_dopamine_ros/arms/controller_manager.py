"""Requests to the controller manager of ros2_control, and the activity it publishes."""

from collections.abc import Sequence
from typing import Any

from robo_dopamine_ros.arms.arm import Call, CallSequence, Channel

ACTIVE = 'active'
STRICT = 2  # of SwitchController: nothing is switched unless all can be
LIFECYCLE_ACTIVE = {'id': 3, 'label': ACTIVE}  # lifecycle_msgs/msg/State


def activity_channel(manager: str) -> Channel:
    """Return the topic that reports changes of controllers and hardware; Jazzy has it."""
    return Channel(
        f'{manager}/activity',
        'controller_manager_msgs/msg/ControllerManagerActivity',
        transient_local=True,
        optional=True,
    )


def inactive_reason(activity: Any, controllers: Sequence[str], hardware: str = '') -> str:
    """Name those that are not active in the newest activity; empty: all are, or it is None."""
    if activity is None:
        return ''
    reported = [*activity.hardware_components, *activity.controllers]
    wanted = {hardware, *controllers} - {''}
    states = [(c.name, c.state.label) for c in reported if c.name in wanted]
    inactive = [f'{name} is {state}' for name, state in states if state != ACTIVE]
    absent = sorted(wanted - {c.name for c in reported})
    return ', '.join(inactive + [f'{name} is not loaded' for name in absent])


def activate_hardware(manager: str, hardware: str) -> CallSequence:
    """Activate a hardware component, without its controllers."""
    reply = yield Call(
        f'{manager}/set_hardware_component_state',
        'controller_manager_msgs/srv/SetHardwareComponentState',
        {'name': hardware, 'target_state': LIFECYCLE_ACTIVE},
        timeout=10.0,
        label=f'activate {hardware}',
    )
    if isinstance(reply, str):
        return reply
    return '' if reply.ok else f'{hardware} is {reply.state.label}, it could not be activated'


def activate(manager: str, controllers: Sequence[str]) -> CallSequence:
    """Activate those controllers that are not active, all or none."""
    kind = 'controller_manager_msgs/srv/ListControllers'
    reply = yield Call(f'{manager}/list_controllers', kind, label='list controllers')
    if isinstance(reply, str):
        return reply
    states = {controller.name: controller.state for controller in reply.controller}
    unknown = [name for name in controllers if name not in states]
    if unknown:
        known = ', '.join(states) or 'none'
        return f'no such controller: {", ".join(unknown)}; there are {known}'
    inactive = [name for name in controllers if states[name] != ACTIVE]
    if not inactive:
        return ''
    request = {'activate_controllers': inactive, 'strictness': STRICT, 'activate_asap': True}
    reply = yield Call(
        f'{manager}/switch_controller',
        'controller_manager_msgs/srv/SwitchController',
        {**request, 'timeout': {'sec': 5}},
        timeout=10.0,
        label=f'activate {", ".join(inactive)}',
    )
    if isinstance(reply, str):
        return reply
    return '' if reply.ok else f'{", ".join(inactive)} could not be activated'
