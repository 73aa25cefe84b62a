"""Grippers: how each is told to open, and how far it says it is open; 0 closed .. 1 open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from robo_dopamine_ros.arms.arm import Channel, Joints, Out

COMMAND = Channel(  # as CRISP calls it
    'gripper/gripper_position_controller/commands', 'std_msgs/msg/Float64MultiArray'
)
STATE = Channel('gripper/joint_states', 'sensor_msgs/msg/JointState', reliable=False)
KINDS = {  # how a gripper is told, and as what
    'none': '',
    'array': COMMAND.type,  # one position
    'joint': STATE.type,
    'command': 'control_msgs/action/GripperCommand',
    'parallel': 'control_msgs/action/ParallelGripperCommand',
}


@dataclass(frozen=True)
class GripperParameters:
    """A gripper; its positions are those of its commands and of its state alike.

    That is one finger's way for the Franka hand: 0 .. 0.04 m, though it opens 0.08 m.
    """

    kind: str = 'array'  # none, array, joint, command (action), parallel (action)
    command: str = COMMAND.name  # topic or action
    state: str = STATE.name  # topic of its joint; empty: it is as it was told
    joint: str = ''  # its name there and in commands; empty: the first
    closed: float = 0.0  # position when closed [rad or m]
    open: float = 1.0  # position when open [rad or m]
    effort: float = 10.0  # limit in commands to an action [N or N m]
    hysteresis: float = 0.02  # smaller changes of the wished opening are not sent, 0..0.5
    binary: bool = False  # it is told to open or to close fully, nothing between
    patience: float = 2.0  # silence of its state, beyond which the arm is lost [s]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f'kind = {self.kind!r}; it must be {", ".join(KINDS)}')
        if not self.command and self.kind != 'none':
            raise ValueError(f'command is empty; a gripper of kind {self.kind} must have a name')
        if self.kind in ('joint', 'parallel') and not self.joint:
            raise ValueError(f'joint is empty; a gripper of kind {self.kind} is told by its name')
        if not (math.isfinite(self.closed) and math.isfinite(self.open - self.closed)):
            raise ValueError(f'closed = {self.closed}, open = {self.open}; they must be finite')
        if self.closed == self.open:
            raise ValueError(f'closed = open = {self.open}; they must differ')
        if not 0.0 <= self.hysteresis < 0.5:
            raise ValueError(f'hysteresis = {self.hysteresis}; it must lie in 0..0.5')
        for name in ('effort', 'patience'):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be above 0')


class Gripper:
    """Speaks to a gripper only when something changes: most move in calls that block."""

    def __init__(self, parameters: GripperParameters) -> None:
        self._p = p = parameters
        told = [Channel(p.command, KINDS[p.kind])]
        self.tells: Sequence[Channel] = [] if p.kind == 'none' else told
        reports = p.kind != 'none' and p.state
        self.hears: Sequence[Channel] = [replace(STATE, name=p.state)] if reports else []
        self._sent = math.nan  # opening that was told last; NaN: none
        self._heard = False  # whether it ever reported
        self.opening = 1.0  # as reported, or as told where nothing reports

    def hear(self, joints: Joints) -> None:
        """Take in its state; what bears other joints is not of this gripper."""
        name = self._p.joint or ''.join(joints.names[:1])
        if name in joints.names:
            self.opening = self.opening_at(float(joints.positions[joints.names.index(name)]))
            self._heard = True

    def opening_at(self, position: float) -> float:
        """Give the opening at a position, within 0..1; ValueError unless it is finite."""
        if not math.isfinite(position):
            raise ValueError(f'the gripper is at {position}')
        return float(np.clip((position - self._p.closed) / (self._p.open - self._p.closed), 0, 1))

    def position_at(self, opening: float) -> float:
        """Give the position for an opening."""
        return self._p.closed + float(np.clip(opening, 0, 1)) * (self._p.open - self._p.closed)

    def grip(self, opening: float) -> list[Out]:
        """Tell it an opening, if that is news; at first, if it is not about there already."""
        if self._p.kind == 'none' or not math.isfinite(opening):
            return []
        at_first = math.isnan(self._sent) and self._heard
        if at_first and abs(opening - self.opening) <= self._p.hysteresis:
            return []
        if (wish := self._wish(opening)) == self._sent:
            return []
        self._sent = wish
        if not self.hears:
            self.opening = wish
        return [Out(self._p.command, self._command(self.position_at(wish)))]

    def _wish(self, opening: float) -> float:
        """Give the opening to be told, which is the last one where the change is small."""
        wish, last, slack = float(np.clip(opening, 0, 1)), self._sent, self._p.hysteresis
        if self._p.binary:
            bar = 0.5 if math.isnan(last) else 0.5 + slack if last < 0.5 else 0.5 - slack
            return 1.0 if wish > bar else 0.0
        news = math.isnan(last) or abs(wish - last) >= slack
        return wish if news or wish in (0.0, 1.0) else last

    def _command(self, position: float) -> Any:
        p = self._p
        if p.kind == 'array':
            return np.array([position])
        if p.kind == 'joint':
            return Joints((p.joint,), np.array([position]))
        if p.kind == 'command':
            return {'command': {'position': position, 'max_effort': p.effort}}
        return {'command': {'name': [p.joint], 'position': [position], 'effort': [p.effort]}}
