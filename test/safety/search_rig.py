"""The gate and its arm, wired as the gate's node does, with a record of each tick."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pinocchio as pin
from search_arms import AGX_COMMAND, GRIPPER_COMMAND, Plant, gripper_position, to_se3
from search_authority import Authority

from robo_dopamine_ros.arms.arm import Arm
from robo_dopamine_ros.safety.gate import Gate, GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import ArmCommand, Control, Episode, Mode, Pose

POSE_CHANNELS = ('current_pose', 'joint_states', 'feedback/joint_states')


@dataclass(frozen=True)
class Tick:
    """One tick of the node: what it knew, and what it sent."""

    now: float  # steady time [s]
    control: Control
    allowed: frozenset[Mode]  # sources that may move the arm
    must_stop: str  # why it must be latched now, empty: it need not
    commanded: Mapping[Mode, float]  # speed that each source commands [m/s], infinite where unknown
    slow: bool  # whether a zone says slow
    measured: pin.SE3 | None  # tool, by the newest message of the driver
    measured_joints: np.ndarray | None  # likewise [rad]
    pose: pin.SE3 | None  # tool of what was sent, None: nothing
    joints: np.ndarray | None  # that were sent [rad], None: none
    fingers: tuple[float, ...]  # positions that were sent to the gripper [m]
    numbers: np.ndarray  # all that was sent
    rearmed: bool  # whether `rearm` was accepted since the tick before
    released: bool  # likewise `release`
    fault: bool  # whether the driver reported a fault
    latched: bool  # whether something that stops happened since the last rearm
    refused_wrongly: str = ''  # why a rearm that was accepted should have been refused


class Rig:
    """Gate, arm and plant; every method is one thing that happens to the node."""

    def __init__(self, arm: Arm, plant: Plant, limits: Limits, settings: GateSettings) -> None:
        self.gate, self.arm, self.plant, self.limits = Gate(limits, settings), arm, plant, limits
        self.settings, self.authority = settings, Authority(limits, settings)
        self.control: Control | None = None
        self._measured: tuple[pin.SE3, np.ndarray] | None = None
        self._state_time, self._last_tick = -math.inf, -math.inf
        self._received = self._fault = False
        self._rearmed = self._released = False
        self._accepted_although = ''

    def on_driver(
        self, channel: str, value: Any, stamp: int, now: float, truth: tuple[pin.SE3, np.ndarray]
    ) -> None:
        """Deliver a message of the driver; `truth` is what it says of tool and joints."""
        try:
            self.arm.on_message(channel, value, stamp, now)
        except ValueError:
            return
        if channel == 'current_pose' or (
            channel in POSE_CHANNELS and self.plant.setup.name != 'crisp'
        ):
            self._measured, self._state_time = truth, now

    def on_command(
        self, mode: Mode, command: ArmCommand, frame: str, stamp: int, now: float
    ) -> str:
        self.authority.on_command(mode, command, frame, stamp, now)
        return self.gate.on_command(mode, command, frame, stamp, now)

    def on_episode(self, episode: Episode, now: float) -> None:
        self.authority.on_episode(episode, now)
        self.gate.on_episode(episode, now)

    def on_enable(self, held: bool, now: float) -> None:
        self.authority.on_enable(held, now)
        self.gate.on_enable(held, now)

    def on_lock(self, topic: str, locked: bool, now: float) -> None:
        self.authority.locks[topic] = locked, now
        self.authority.latched |= locked
        self.gate.on_stop_lock(locked, now, topic)

    def on_zone(self, topic: str, state: int, device: str, now: float) -> None:
        self.authority.zones[topic, device] = state, now
        self.authority.latched |= state not in (0, 1)
        self.gate.on_zone(state, device, now, topic)

    def stop(self, now: float) -> None:
        self.authority.latched = True
        self.gate.stop('stop was called', now)

    def take_over(self, now: float) -> None:
        if not self.gate.take_over(now):
            self.authority.taken_over = True

    def release(self, now: float) -> None:
        if not self.gate.release(now):
            self._released |= self.authority.taken_over
            self.authority.taken_over = False

    def rearm(self, now: float) -> str:
        latched = self.authority.latched or (self.control is not None and self.control.latched)
        refusal = self.gate.rearm(now)
        if latched and not refusal:
            self._accepted_although = self.authority.stop_reason(now)
            self._rearmed = True
            self.authority.on_rearm()
        return refusal

    def set_source_fault(self, mode: Mode, reason: str) -> None:
        self.authority.sources[mode].fault = reason
        self.gate.set_source_fault(mode, reason)

    def tick(self, now: float, stamp: int, other_publisher: str = '', busy: str = '') -> Tick:
        """One tick of the node; `busy`: its driver is started or recovered."""
        authority, gate = self.authority, self.gate
        stop = authority.stop_reason(now) or other_publisher
        if self._received and now - self._last_tick > self.limits.tick_timeout:
            stop = stop or 'the tick is late'
        if self._received and now - self._state_time > 0.1 + 1e-9:
            stop = stop or 'the driver is silent'
        authority.latched |= bool(stop)
        allowed = authority.allowed(now)
        state = busy or self.arm.state(now)
        obstacle = other_publisher or self.arm.arming_obstacle()
        control = gate.update(now, stamp, state, obstacle)
        messages: list[Any] = []
        if control.target is not None:
            opening, commanded = gate.gripper_command, control.sent.valid
            sent = self.arm.command(control.target, opening, now, commanded)
            messages = list(sent.messages)
            control = gate.correct_target(control, sent.target, sent.reason)
        if not control.latched and authority.sources[Mode.HUMAN].requests(now):
            authority.taken_over = True
        self._received |= not isinstance(state, str)
        self._last_tick, self.control = now, control
        self.plant.receive(messages)
        wrongly, self._accepted_although = self._accepted_although, ''
        rearmed, self._rearmed = self._rearmed, False
        released, self._released = self._released, False
        return Tick(
            now=now,
            control=control,
            allowed=allowed,
            must_stop=stop,
            commanded={m: s.speed for m, s in authority.sources.items()},
            slow=any(state == 1 for state, _ in authority.zones.values()),
            measured=self._measured[0] if self._measured else None,
            measured_joints=self._measured[1] if self._measured else None,
            **self._sent(messages),
            rearmed=rearmed,
            released=released,
            fault=not isinstance(state, str) and bool(state.fault),
            latched=authority.latched,
            refused_wrongly=wrongly,
        )

    def _sent(self, messages: list[Any]) -> dict[str, Any]:
        """Return what the messages say: tool, joints, fingers."""
        sent: dict[str, Any] = {'pose': None, 'joints': None}
        fingers, numbers, n = [], [np.zeros(0)], len(self.plant.joints)
        for message in messages:
            value = message.value
            if message.channel == GRIPPER_COMMAND:
                fingers.append(gripper_position(value))
            elif isinstance(value, Pose):
                sent['pose'] = to_se3(value)
                numbers += [value.position, value.orientation]
            else:
                agx = message.channel == AGX_COMMAND
                joints = value.positions if agx else value
                sent['joints'] = np.array(joints[:n])
                sent['pose'] = self.plant.kinematics.pose(sent['joints'])
                fingers += [float(p) for p in joints[n:]]
                numbers.append(np.asarray(joints))
        return {**sent, 'fingers': tuple(fingers), 'numbers': np.concatenate([*numbers, fingers])}
