"""Who may move the arm, told anew by the inputs of the gate.

`Authority` knows only what was sent to the gate and what its services answered. It is generous: it
may say that a source may move the arm where the gate, for a further reason, lets none.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.safety.gate import GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import SECOND, ArmCommand, Episode, Mode, Phase

SOURCES = (Mode.HUMAN, Mode.RESET, Mode.POLICY)
PHASES = {Mode.RESET: Phase.RESETTING, Mode.POLICY: Phase.RUNNING}


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
