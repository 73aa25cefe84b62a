"""Grippers: commands and state of each kind; an opening is 0 closed .. 1 open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from robo_dopamine_ros.arms.arm import Channel, Joints, OutgoingMessage
from robo_dopamine_ros.types import require_positive

COMMAND_CHANNEL = Channel(  # CRISP's default
    'gripper/gripper_position_controller/commands', 'std_msgs/msg/Float64MultiArray'
)
STATE_CHANNEL = Channel('gripper/joint_states', 'sensor_msgs/msg/JointState', reliable=False)
COMMAND_TYPES = {  # kind of gripper -> type of its command
    'none': '',
    'array': COMMAND_CHANNEL.type,  # one position
    'joint': STATE_CHANNEL.type,
    'command': 'control_msgs/action/GripperCommand',
    'parallel': 'control_msgs/action/ParallelGripperCommand',
}


@dataclass(frozen=True)
class GripperConfig:
    """A gripper; commands and state have the same positions.

    For the Franka hand that is the travel of one finger: 0 .. 0.04 m, although it opens 0.08 m.
    """

    kind: str = 'array'  # none, array, joint, command (action), parallel (action)
    command: str = COMMAND_CHANNEL.name  # topic or action
    state: str = STATE_CHANNEL.name  # topic of its joint; empty: the opening is the one commanded
    joint: str = ''  # its name there and in commands; empty: the first
    closed: float = 0.0  # position when closed [rad or m]
    open: float = 1.0  # position when open [rad or m]
    effort: float = 10.0  # limit in commands to an action [N or N m]
    hysteresis: float = 0.02  # smaller changes of the requested opening are not sent, 0..0.5
    binary: bool = False  # only opened or closed fully
    timeout: float = 2.0  # silence of its state after which the arm counts as lost [s]

    def __post_init__(self) -> None:
        if self.kind not in COMMAND_TYPES:
            raise ValueError(f'kind = {self.kind!r}; it must be {", ".join(COMMAND_TYPES)}')
        if not self.command and self.kind != 'none':
            raise ValueError(f'command is empty; a gripper of kind {self.kind} must have a name')
        if self.kind in ('joint', 'parallel') and not self.joint:
            raise ValueError(f'joint is empty; a gripper of kind {self.kind} needs its name')
        if not (math.isfinite(self.closed) and math.isfinite(self.open - self.closed)):
            raise ValueError(f'closed = {self.closed}, open = {self.open}; they must be finite')
        if self.closed == self.open:
            raise ValueError(f'closed = open = {self.open}; they must differ')
        if not 0.0 <= self.hysteresis < 0.5:
            raise ValueError(f'hysteresis = {self.hysteresis}; it must lie in 0..0.5')
        require_positive(self, 'effort', 'timeout')


class Gripper:
    """Sends a gripper only changes: many drivers block while it moves."""

    def __init__(self, config: GripperConfig) -> None:
        self._config = config
        present = config.kind != 'none'
        output = Channel(config.command, COMMAND_TYPES[config.kind])
        state = replace(STATE_CHANNEL, name=config.state)
        self.outputs: Sequence[Channel] = [output] if present else []
        self.inputs: Sequence[Channel] = [state] if present and config.state else []
        self._sent = math.nan  # opening commanded last; NaN: none
        self._reported = False  # whether a state was ever received
        self.opening = 1.0  # as reported, or as commanded where no state is published

    def on_joint_state(self, joints: Joints) -> None:
        """Store the opening; messages without the gripper's joint are ignored."""
        name = self._config.joint or ''.join(joints.names[:1])
        if name in joints.names:
            self.opening = self.to_opening(float(joints.positions[joints.names.index(name)]))
            self._reported = True

    def to_opening(self, position: float) -> float:
        """Return the opening at a position [rad or m], in 0..1; ValueError unless it is finite."""
        if not math.isfinite(position):
            raise ValueError(f'the gripper is at {position}')
        closed, travel = self._config.closed, self._config.open - self._config.closed
        return float(np.clip((position - closed) / travel, 0, 1))

    def to_position(self, opening: float) -> float:
        """Return the position [rad or m] of an opening."""
        closed, travel = self._config.closed, self._config.open - self._config.closed
        return closed + float(np.clip(opening, 0, 1)) * travel

    def command(self, opening: float) -> list[OutgoingMessage]:
        """Return the message for a changed opening; the first one only if it is not there yet.

        NaN: nobody commands the gripper, it may be moved by others meanwhile.
        """
        if math.isnan(opening):
            self._sent = math.nan
        if self._config.kind == 'none' or not math.isfinite(opening):
            return []
        first = math.isnan(self._sent) and self._reported
        if first and abs(opening - self.opening) <= self._config.hysteresis:
            return []
        if (target := self._target(opening)) == self._sent:
            return []
        self._sent = target
        if not self.inputs:
            self.opening = target
        return [OutgoingMessage(self._config.command, self._message(self.to_position(target)))]

    def _target(self, opening: float) -> float:
        """Return the opening to send: the last one where the change is below the hysteresis."""
        target, last = float(np.clip(opening, 0, 1)), self._sent
        hysteresis = self._config.hysteresis
        if self._config.binary:
            threshold = 0.5
            if not math.isnan(last):
                threshold += hysteresis if last < 0.5 else -hysteresis
            return 1.0 if target > threshold else 0.0
        changed = math.isnan(last) or abs(target - last) >= hysteresis
        return target if changed or target in (0.0, 1.0) else last

    def _message(self, position: float) -> Any:
        config = self._config
        if config.kind == 'array':
            return np.array([position])
        if config.kind == 'joint':
            return Joints((config.joint,), np.array([position]))
        if config.kind == 'command':
            return {'command': {'position': position, 'max_effort': config.effort}}
        names, efforts = [config.joint], [config.effort]
        return {'command': {'name': names, 'position': [position], 'effort': efforts}}
