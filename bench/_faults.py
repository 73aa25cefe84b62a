"""The faults of the fault bench, and what is promised for each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from _fault_cell import FaultCell
from _hands import JOY, PULLED, QUIET, SPACENAV, STUCK, XBOX
from _safety_input import DEVICE

from robo_dopamine_ros.arms.crisp import TARGET_POSE
from robo_dopamine_ros.ros.interfaces import get_interface
from robo_dopamine_ros.ros.topics import POLICY_COMMAND, STOP_LOCK, TELEOP_COMMAND
from robo_dopamine_ros.types import Mode

HOLD = 0.5  # [s] from a loss until the arm stands
GATE, TELEOP, EPISODE_MANAGER = 'gate: gate', 'teleop: teleop', 'episode_manager: episode_manager'


class Fault(Protocol):
    """A fault that is injected into a cell, and cleared."""

    def inject(self, cell: FaultCell) -> None:
        """Make it happen."""

    def clear(self, cell: FaultCell) -> None:
        """Remove its cause."""


@dataclass(frozen=True)
class Killed:
    """A process is killed by SIGKILL, and later started again."""

    process: str

    def inject(self, cell: FaultCell) -> None:
        cell.kill(self.process)

    def clear(self, cell: FaultCell) -> None:
        cell.restart()
        cell.wait_for(self.process)


@dataclass(frozen=True)
class Frozen:
    """A process is stopped by SIGSTOP, and later continued by SIGCONT."""

    process: str

    def inject(self, cell: FaultCell) -> None:
        cell.freeze(self.process)

    def clear(self, cell: FaultCell) -> None:
        cell.resume(self.process)
        cell.wait_for(self.process)


class SecondPublisher:
    """A second publisher on a topic, which never publishes."""

    def __init__(self, topic: str, kind: Any) -> None:
        self._topic, self._kind = topic, kind
        self._remove: Callable[[], object] = lambda: None

    def inject(self, cell: FaultCell) -> None:
        self._remove = cell.add_publisher(self._topic, self._kind)

    def clear(self, cell: FaultCell) -> None:
        self._remove()


@dataclass(frozen=True)
class SafetyInput:
    """A safety device reports another state, and later its usual one again."""

    device: str
    state: int
    usual: int

    def inject(self, cell: FaultCell) -> None:
        cell.set_safety_input(self.device, self.state)

    def clear(self, cell: FaultCell) -> None:
        cell.set_safety_input(self.device, self.usual)


@dataclass(frozen=True)
class DeviceInput:
    """Something happens to the operator's device, and later it is as before."""

    what: str

    def inject(self, cell: FaultCell) -> None:
        cell.hand.do(self.what)

    def clear(self, cell: FaultCell) -> None:
        cell.drive(False)


@dataclass(frozen=True)
class DriverWithoutDevice:
    """The device is unplugged and its driver started again, which publishes all the same."""

    process: str

    def inject(self, cell: FaultCell) -> None:
        cell.hand.do(PULLED)
        cell.replace(self.process)

    def clear(self, cell: FaultCell) -> None:
        cell.drive(False)


class StopCalled:
    """The service `stop` is called."""

    def inject(self, cell: FaultCell) -> None:
        cell.stop()

    def clear(self, cell: FaultCell) -> None:
        """Nothing to remove: only the latch remains."""


@dataclass(frozen=True)
class FaultCase:
    """One fault, and what is promised for it."""

    name: str
    source: Mode  # that moves the arm when it happens
    fault: Fault
    mode: Mode | None  # afterwards: STOPPED, HOLD; the source: motion goes on; None: not published
    reason: str = ''  # part of the reason in `control`
    diagnostics: tuple[str, str] = ('', '')  # name of a status, and part of its message
    stop_time: float = HOLD  # [s] until the arm stands
    arm_lost: bool = False  # the arm itself is gone, so that its standstill is not seen
    persists: bool = False  # rearming is refused while it lasts
    ended_by: str = ''  # part of who decided that the episode ended
    truncates: bool = False  # the last reward of that episode is truncated
    device: str = JOY  # of the operator

    @property
    def latches(self) -> bool:
        """Whether nothing may move until the gate is rearmed."""
        return self.mode in (Mode.STOPPED, None)

    def promise(self, slack: float) -> str:
        """Return the promise in short."""
        if self.mode is self.source:
            return 'goes on'
        verb = 'latch' if self.latches else 'hold'
        return f'{verb} {self.stop_time * slack:g} s'


def _pair(process: str, source: Mode, **promised: Any) -> list[FaultCase]:
    """Return the same promise for a process killed and frozen."""
    prefix = 'person: ' if source is Mode.HUMAN else ''
    return [
        FaultCase(f'{prefix}{process} {fault.__name__.lower()}', source, fault(process), **promised)
        for fault in (Killed, Frozen)
    ]


def _latch(reason: str, ended_by: str = 'gate: ', **others: Any) -> dict[str, Any]:
    """STOPPED, for a reason that control and the gate's diagnostics give."""
    return {
        'mode': Mode.STOPPED,
        'reason': reason,
        'diagnostics': (GATE, reason),
        'ended_by': ended_by,
        **others,
    }


def _gate(reason: str) -> dict[str, Any]:
    """The driver holds its last target; the gate comes back latched."""
    status = (EPISODE_MANAGER, 'aborted by gate: silent')
    return {'mode': None, 'reason': reason, 'diagnostics': status, 'ended_by': 'gate: silent'}


P, H = Mode.POLICY, Mode.HUMAN
CAMERA_LOST: dict[str, Any] = {
    'mode': Mode.HOLD,
    'reason': 'policy/command: left_wrist is',
    'diagnostics': ('reward: camera left_wrist', 'late by'),
}
REWARD_LOST: dict[str, Any] = {
    'diagnostics': (EPISODE_MANAGER, 'aborted by silence of the reward model'),
    'ended_by': 'silence of the reward model',
}
ARM_LOST = 'silence on current_pose'
MANAGER_LOST = _latch('episode is silent', ended_by='', stop_time=1.0 + HOLD)
TELEOP_LOST = {
    **_latch('teleop/command is silent'),
    'diagnostics': (TELEOP, 'while the dead-man was held'),
}
LOCKED = 'the stop lock is locked'
SPACEMOUSE_PULLED: dict[str, Any] = {
    **_latch(LOCKED, persists=True, device=SPACENAV),
    'diagnostics': (TELEOP, 'may be unplugged while the dead-man was held'),
}
SPACENAV_LOST: dict[str, Any] = {
    **_latch(LOCKED, persists=True, device=SPACENAV),
    'diagnostics': (TELEOP, 'while the dead-man was held'),
}
NO_SPACEMOUSE: dict[str, Any] = {
    **_latch(LOCKED, persists=True, device=SPACENAV),
    'diagnostics': (TELEOP, 'move the SpaceMouse once'),
}
NOT_REPEATED: dict[str, Any] = {
    **_latch(LOCKED, persists=True),
    'diagnostics': (TELEOP, 'silent for more than'),
}
SWITCH_LOST = _latch('the enabling switch is silent')
ZONE = f'safety/zone of {DEVICE!r}'
ZONE_LOST = _latch(f'{ZONE} is silent', persists=True)
ENABLE_RELEASED: dict[str, Any] = {
    'mode': Mode.HOLD,
    'reason': 'policy/command waits: the enabling switch is released',
    'diagnostics': (GATE, 'the enabling switch is released'),
}


def _second(name: str, source: Mode, topic: str, kind: Any) -> FaultCase:
    """A second publisher on a topic where there must be one."""
    promised = _latch(f'2 publishers on /{topic}', persists=True)
    return FaultCase(name, source, SecondPublisher(topic, kind), **promised)


CASES = [
    *_pair('policy', P, **_latch('policy/command is silent')),
    *_pair('camera', P, **CAMERA_LOST),
    *_pair('sim', P, **_latch(ARM_LOST, persists=True, arm_lost=True)),
    *_pair('state', P, **_latch(ARM_LOST, persists=True)),
    *_pair('episode_manager', P, **MANAGER_LOST),
    *_pair('reward', P, mode=P, **REWARD_LOST)[:1],
    *_pair('reward', P, mode=P, **REWARD_LOST, truncates=True)[1:],
    FaultCase('gate frozen', P, Frozen('gate'), **_gate('the gate stood still')),
    *_pair('lock', P, **_latch('the stop lock is silent', persists=True)),
    *_pair('teleop', P, **_latch('the stop lock is silent', persists=True)),
    *_pair('gamepad', P, **_latch('the stop lock is locked', persists=True)),
    _second('second publisher', P, TARGET_POSE.name, get_interface(TARGET_POSE.type)),
    *(
        _second(f'second {topic.name}', P, topic.name, topic.type)
        for topic in (POLICY_COMMAND, TELEOP_COMMAND, STOP_LOCK)
    ),
    FaultCase('enable released', P, SafetyInput('enable', 0, 1), **ENABLE_RELEASED),
    *_pair('enable', P, **SWITCH_LOST),
    FaultCase(
        'zone stop', P, SafetyInput('zone', 2, 0), **_latch(f'{ZONE} says stop', persists=True)
    ),
    *_pair('zone', P, **ZONE_LOST),
    FaultCase('stop called', P, StopCalled(), **_latch('stop was called')),
    *_pair('gamepad', H, **TELEOP_LOST, persists=True),
    *_pair('teleop', H, **_latch('teleop/command is silent', persists=True)),
    *_pair('state', H, **_latch(ARM_LOST, persists=True))[1:],
    FaultCase('person: gate frozen', H, Frozen('gate'), **_gate('the gate stood still')),
    FaultCase('person: stop called', H, StopCalled(), **_latch('stop was called')),
    _second('person: second policy', H, POLICY_COMMAND.name, POLICY_COMMAND.type),
    *_pair('zone', H, **ZONE_LOST)[1:],
    *_pair('enable', H, mode=H)[1:],
    *_pair('policy', H, mode=H)[:1],
    *_pair('episode_manager', H, mode=H)[1:],
    *_pair('reward', H, mode=H, **REWARD_LOST, truncates=True)[1:],
    FaultCase('joy not repeated', P, DeviceInput(QUIET), **NOT_REPEATED),
    FaultCase('another gamepad', P, DeviceInput(XBOX), mode=P),
    FaultCase('person: SpaceMouse pulled', H, DeviceInput(PULLED), **SPACEMOUSE_PULLED),
    FaultCase('person: SpaceMouse stuck', H, DeviceInput(STUCK), **SPACEMOUSE_PULLED),
    *_pair('spacenav', H, **SPACENAV_LOST),
    FaultCase('SpaceMouse absent', P, DriverWithoutDevice('spacenav'), **NO_SPACEMOUSE),
    # Last: the arm ignores all targets until DDS has forgotten the killed gate.
    FaultCase('gate killed', P, Killed('gate'), **_gate('not armed yet')),
]
