"""The gate and its arm, wired as the gate's node does; and who may move the arm, told anew.

`Authority` knows only what was sent to the gate and what its services answered. It is generous: it
may say that a source may move the arm where the gate, for a further reason, lets none.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pinocchio as pin
from search_arms import AGX_COMMAND, GRIPPER_COMMAND, Plant, gripper_position, to_se3

from robo_dopamine_ros.arms.arm import Arm
from robo_dopamine_ros.safety.gate import Gate, GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import SECOND, ArmCommand, Control, Episode, Mode, Phase, Pose

SOURCES = (Mode.HUMAN, Mode.RESET, Mode.POLICY)
PHASES = {Mode.RESET: Phase.RESETTING, Mode.POLICY: Phase.RUNNING}
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


@dataclass
class Source:
    """Newest command of one source."""

    timeout: float
    good: bool = False  # whether it may be executed
    valid: bool = False
    arrival: float = -math.inf
    speed: float = 0.0
    blocked: bool = False  # since a rearm
    fault: str = ''  # why none of its commands counts

    def requests(self, now: float) -> bool:
        return self.valid and now - self.arrival <= self.timeout

    def lives(self, now: float) -> bool:
        return self.good and self.requests(now) and not (self.blocked or self.fault)


@dataclass
class Authority:
    """Who may move the arm, by the inputs of the gate alone."""

    limits: Limits
    settings: GateSettings
    latched: bool = False
    taken_over: bool = False
    episode: Episode = field(default_factory=Episode)
    episode_time: float = -math.inf
    rearm_episode: str = ''
    locks: dict[str, tuple[bool, float]] = field(default_factory=dict)
    zones: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    held = False
    seen_released = False
    enable_time = -math.inf

    def __post_init__(self) -> None:
        limits = self.limits
        times = (limits.human_timeout, limits.reset_timeout, limits.policy_timeout)
        self.sources = {m: Source(t) for m, t in zip(SOURCES, times, strict=True)}
        self.latched = not self.settings.armed

    def on_command(
        self, mode: Mode, command: ArmCommand, frame: str, stamp: int, now: float
    ) -> None:
        source, twist = self.sources[mode], np.asarray(command.twist)
        age = (stamp - command.stamp) / SECOND
        well = (
            frame == self.settings.frame
            and command.joints is None
            and twist.shape == (6,)
            and bool(np.isfinite(twist).all())
            and 0 <= command.gripper <= 1
            and -self.limits.future_tolerance - 1e-9 <= age <= source.timeout + 1e-9
        )
        source.valid, source.good = command.valid, command.valid and well
        source.arrival = now
        source.speed = math.hypot(*twist[:3]) if well else 0.0
        if not command.valid and mode is Mode.HUMAN:
            source.blocked = False

    def on_episode(self, episode: Episode, now: float) -> None:
        self.episode, self.episode_time = episode, now
        for mode, phase in PHASES.items():
            if episode.phase is not phase or episode.id != self.rearm_episode:
                self.sources[mode].blocked = False

    def on_enable(self, held: bool, now: float) -> None:
        if now - self.enable_time > self.limits.enable_timeout:
            self.seen_released = False
        self.held, self.enable_time = held, now
        self.seen_released = self.seen_released or not held

    def on_rearm(self) -> None:
        self.latched, self.rearm_episode = False, self.episode.id
        human = self.sources[Mode.HUMAN]
        human.blocked = human.valid
        for mode, phase in PHASES.items():
            self.sources[mode].blocked = self.episode.phase is phase

    def stop_reason(self, now: float) -> str:
        """Return which device stops the arm."""
        settings, limits = self.settings, self.limits
        names = (('stop_lock',) if settings.require_stop_lock else ()) + settings.other_stop_locks
        for name, (locked, arrival) in self.locks.items():
            if locked:
                return f'{name} is locked'
            if name in names and now - arrival > limits.lock_timeout:
                return f'{name} is silent'
        if any(name not in self.locks for name in names):
            return 'a stop lock was never heard'
        for (topic, device), (state, arrival) in self.zones.items():
            if state not in (0, 1):
                return f'{topic} of {device} says {state}'
            if topic in settings.zones and now - arrival > limits.zone_timeout:
                return f'{topic} of {device} is silent'
        heard = {topic for topic, _ in self.zones}
        return next((f'{t} was never heard' for t in settings.zones if t not in heard), '')

    def enabled(self, now: float) -> bool:
        if not self.settings.require_enable:
            return True
        fresh = now - self.enable_time <= self.limits.enable_timeout
        return fresh and self.held and self.seen_released

    def allowed(self, now: float) -> frozenset[Mode]:
        """Return the sources that may move the arm in a tick."""
        if self.latched:
            return frozenset()
        human = self.sources[Mode.HUMAN]
        moving = {Mode.HUMAN} if human.lives(now) else set()
        known = now - self.episode_time <= self.limits.episode_timeout
        if self.enabled(now) and known and not (self.taken_over or human.requests(now)):
            phase = self.episode.phase
            moving |= {m for m, p in PHASES.items() if p is phase and self.sources[m].lives(now)}
        return frozenset(moving)


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
