"""Grippers: commands and state of each kind; an opening is 0 closed .. 1 open.

An opening is told once. It is told again, ever more seldom, where it was not reached: where the
goal of an action failed, or where the state shows that a message had no effect. Nothing is told
while no source of commands is active, so that the fingers of a stopped arm rest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from robo_dopamine_ros.arms.arm import Channel, Joints, OutgoingMessage
from robo_dopamine_ros.arms.retry import Retry
from robo_dopamine_ros.types import require_positive

REACHED_TOLERANCE = 0.05  # of an opening
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
    """Sends a gripper only changes, and what had no effect; `now` is steady time [s]."""

    def __init__(self, config: GripperConfig) -> None:
        self._config = config
        present = config.kind != 'none'
        output = Channel(config.command, COMMAND_TYPES[config.kind])
        state = replace(STATE_CHANNEL, name=config.state)
        self.outputs: Sequence[Channel] = [output] if present else []
        self.inputs: Sequence[Channel] = [state] if present and config.state else []
        self._is_action = '/action/' in output.type
        self._sent = math.nan  # opening commanded last; NaN: none
        self._retry = Retry()
        self._received = -math.inf  # steady time of the newest state [s]
        self._refusal = ''  # why the newest state was refused
        self.opening = 1.0  # as reported, or as commanded where no state is published

    def on_joint_state(self, joints: Joints, now: float) -> None:
        """Store the opening; messages without the gripper's joint are ignored.

        A position that is not finite is no state: others may be in the same message.
        """
        name = self._config.joint or ''.join(joints.names[:1])
        if name not in joints.names:
            return
        position = float(joints.positions[joints.names.index(name)])
        self._refusal = '' if math.isfinite(position) else f'{name} is at {position}'
        if not self._refusal:
            self.opening, self._received = self.to_opening(position), now
            if self._is_reached():
                self._retry.end()

    def on_goal_end(self, error: str, now: float) -> None:
        """Handle the end of the newest goal: why it was not reached, empty: it was."""
        if not error:
            self._retry.end()
        elif not math.isnan(self._sent):
            self._retry.fail(error, now)

    def missing(self, now: float) -> str:
        """Return why the opening is not known, empty: it is, or nobody reports it."""
        if not self.inputs:
            return ''
        joint, state = self._config.joint, self._config.state
        source = f'{state} of {joint}' if joint else state
        why = f': {self._refusal}' if self._refusal else ''
        if self._received == -math.inf:
            return f'nothing heard yet on {source}{why}'
        age = now - self._received
        return f'silence on {source} for {age:.2f} s{why}' if age > self._config.timeout else ''

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with the gripper, by channel, although the arm can work."""
        found = {self._config.state: self._refusal}
        if self._retry.error or self._retry.times:
            where = f'is at {self.opening:.2f} and ' if self.inputs else ''
            error = f': {self._retry.error}' if self._retry.error else ''
            found[self._config.command] = (
                f'the gripper {where}was told {self._sent:.2f}{error}; '
                f'told again {self._retry.times} times'
            )
        return {name: text for name, text in found.items() if text}

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

    def command(self, opening: float, now: float, commanded: bool = True) -> list[OutgoingMessage]:
        """Return the message for an opening that changed, or must be told again.

        The first one is sent only if the gripper is not there yet. NaN: nobody commands the
        gripper, it may be moved by others meanwhile. Not `commanded`: nothing is told.
        """
        if math.isnan(opening):
            self._sent = math.nan
            self._retry.end()
        if not commanded:
            return []
        if self._config.kind == 'none' or not math.isfinite(opening):
            return []
        reported = self._received > -math.inf
        first = math.isnan(self._sent) and reported
        if first and abs(opening - self.opening) <= self._config.hysteresis:
            return []
        if (target := self._target(opening)) != self._sent:
            self._retry.begin(now, waits_for_error=self._is_action or not reported)
        elif not self._retry.is_due(now):
            return []
        self._sent = target
        if not self.inputs:
            self.opening = target
        return [OutgoingMessage(self._config.command, self._message(self.to_position(target)))]

    def _is_reached(self) -> bool:
        tolerance = max(self._config.hysteresis, REACHED_TOLERANCE)
        return abs(self.opening - self._sent) <= tolerance

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


class GripperOwner:
    """What every arm with a gripper passes on to it."""

    _gripper: Gripper

    def on_goal_end(self, channel: str, error: str, now: float) -> None:
        """Handle the end of the newest goal of an action; the gripper is the only one."""
        self._gripper.on_goal_end(error, now)

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong, by channel, although the arm can work."""
        return self._gripper.problems
