"""What ros2_control's controller manager is asked, and what it says by itself."""

from collections.abc import Sequence
from typing import Any

from robo_dopamine_ros.arms.arm import Call, Channel, Script

ACTIVE = 'active'
STRICT = 2  # of SwitchController: nothing is switched unless all can be
ACTIVE_STATE = {'id': 3, 'label': ACTIVE}  # lifecycle_msgs/msg/State


def activity(manager: str) -> Channel:
    """Give the topic that tells of controllers and hardware when they change; Jazzy has it."""
    return Channel(
        f'{manager}/activity',
        'controller_manager_msgs/msg/ControllerManagerActivity',
        kept=True,
        optional=True,
    )


def unfit(activity: Any, controllers: Sequence[str], hardware: str = '') -> str:
    """Say what of these is not active in the newest activity; empty: all is, or nothing is said."""
    if activity is None:
        return ''
    told = [*activity.hardware_components, *activity.controllers]
    wanted = {hardware, *controllers} - {''}
    wrong = [f'{t.name} is {t.state.label}' for t in told if t.name in wanted]
    wrong = [words for words in wrong if not words.endswith(f' is {ACTIVE}')]
    absent = sorted(wanted - {t.name for t in told})
    return ', '.join(wrong + [f'{name} is not loaded' for name in absent])


def activated(manager: str, controllers: Sequence[str]) -> Script:
    """Activate those controllers that are not active, all or none."""
    kind = 'controller_manager_msgs/srv/ListControllers'
    reply = yield Call(f'{manager}/list_controllers', kind, title='list controllers')
    if isinstance(reply, str):
        return reply
    states = {found.name: found.state for found in reply.controller}
    unknown = [name for name in controllers if name not in states]
    if unknown:
        there = ', '.join(states) or 'none'
        return f'no such controller: {", ".join(unknown)}; there are {there}'
    wanted = [name for name in controllers if states[name] != ACTIVE]
    if not wanted:
        return ''
    request = {'activate_controllers': wanted, 'strictness': STRICT, 'activate_asap': True}
    reply = yield Call(
        f'{manager}/switch_controller',
        'controller_manager_msgs/srv/SwitchController',
        {**request, 'timeout': {'sec': 5}},
        timeout=10.0,
        title=f'activate {", ".join(wanted)}',
    )
    if isinstance(reply, str):
        return reply
    return '' if reply.ok else f'{", ".join(wanted)} could not be activated'
