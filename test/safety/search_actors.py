"""Devices, drivers and clocks around the gate and its arm, that behave and misbehave at random."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pinocchio as pin
from search_arms import GRIPPER_COMMAND
from search_commands import GARBAGE, Regime
from search_rig import Rig

from robo_dopamine_ros.types import SECOND, Episode, Mode, Phase


class DeviceActors:
    """Stop locks, enabling switch, zones, episodes, services, and other publishers."""

    def __init__(self, rig: Rig, rng: np.random.Generator, wild: float) -> None:
        self._rig, self._rng = rig, rng
        bad = 0.15 * wild
        self._lock = Regime(rng, {'open': 9, 'locked': bad, 'silent': bad, 'flicker': bad}, 3.0)
        self._enable = Regime(
            rng, {'held': 9, 'released': 1, 'silent': bad, 'flicker': 2 * bad}, 1.5, 'released'
        )
        self._zone = Regime(rng, {'clear': 6, 'slow': 3, 'stop': bad, 'silent': bad}, 2.0)
        self._episodes = Regime(rng, {'good': 20, 'silent': bad}, 3.0)
        self._phase = Regime(rng, {'running': 5, 'resetting': 4, 'idle': 0.5, 'ended': 0.5}, 1.0)
        self._next = dict.fromkeys(('lock', 'enable', 'zone', 'episode'), 0.0)
        self._id, self._last_phase, self._rearm_at = 0, '', -math.inf
        self._twice = Regime(rng, {'one': 40, 'two': wild}, 0.5)
        self._recovery = Regime(rng, {'ready': 60, 'busy': wild}, 0.4)
        self._wild = wild

    def act(self, now: float) -> None:
        rig, rng = self._rig, self._rng
        if self._due('lock', now, 0.05, 0.12):
            way = self._lock.at(now)
            if way != 'silent':
                locked = way == 'locked' or (way == 'flicker' and rng.random() < 0.5)
                for topic in ('stop_lock', *rig.settings.other_stop_locks):
                    rig.on_lock(topic, bool(locked), now)
        if self._due('enable', now, 0.03, 0.1) and (way := self._enable.at(now)) != 'silent':
            rig.on_enable(way == 'held' or (way == 'flicker' and rng.random() < 0.5), now)
        if self._due('zone', now, 0.05, 0.12) and rig.settings.zones:
            way = self._zone.at(now)
            if way != 'silent':
                state = {'clear': 0, 'slow': 1, 'stop': int(rng.choice([2, 3, 255]))}[way]
                rig.on_zone(rig.settings.zones[0], state, 'scanner', now)
        if self._due('episode', now, 0.05, 0.3) and self._episodes.at(now) != 'silent':
            self._publish_episode(now)
        fault = 'two policies' if self._twice.at(now) == 'two' else ''
        rig.set_source_fault(Mode.POLICY, fault)
        if rng.random() < 0.01:
            error = str(rng.choice(['', 'the goal was aborted']))
            rig.arm.on_goal_end(GRIPPER_COMMAND, error, now)
        self._services(now)

    def busy(self, now: float) -> str:
        return 'the driver is recovered' if self._recovery.at(now) == 'busy' else ''

    def other_publisher(self) -> str:
        return 'two publishers' if self._rng.random() < 2e-4 * self._wild else ''

    def _due(self, name: str, now: float, low: float, high: float) -> bool:
        if now < self._next[name]:
            return False
        self._next[name] = now + float(self._rng.uniform(low, high))
        return True

    def _publish_episode(self, now: float) -> None:
        phase = self._phase.at(now)
        if phase != self._last_phase and phase == 'resetting':
            self._id += 1
        self._last_phase = phase
        known = Phase[phase.upper()]
        self._rig.on_episode(Episode(id=f'e{self._id}', phase=known), now)

    def _services(self, now: float) -> None:
        rig, rng, control = self._rig, self._rng, self._rig.control
        if control is not None and control.latched and self._rearm_at == -math.inf:
            self._rearm_at = now + float(rng.choice([0.02, 0.1, 0.2, 0.6]))
        if now >= self._rearm_at > -math.inf:
            self._rearm_at = now + 0.2 if rig.rearm(now) else -math.inf
        chance = rng.random()
        if chance < 0.001 * self._wild:
            rig.stop(now)
        elif chance < 0.004:
            rig.take_over(now)
        elif chance < 0.03:
            rig.release(now)
        elif chance < 0.032:
            rig.rearm(now)


@dataclass
class _Delayed:
    due: float
    channel: str
    value: Any
    stamp: int
    truth: tuple[pin.SE3, np.ndarray]


class DriverActor:
    """The driver: what its arm meets, and how its messages arrive."""

    def __init__(self, rig: Rig, rng: np.random.Generator, wild: float) -> None:
        self._rig, self._rng = rig, rng
        w = wild
        self._messages = Regime(
            rng,
            {
                'good': 12,
                'lossy': 2 * w,
                'late': w,
                'stamps': w,
                'garbage': 0.5 * w,
                'silent': 0.1 * w,
            },
            1.0,
        )
        self._contact = Regime(
            rng, {'free': 8, 'blocked': 2 * w, 'pushed': 2 * w, 'carried': w, 'noisy': w}, 0.6
        )
        self._fault = Regime(rng, {'none': 60, 'fault': w}, 0.5)
        self._finger = Regime(rng, {'alone': 9, 'moved': 1}, 1.0)
        self._queue: list[_Delayed] = []
        self._way = ''

    def act(self, before: float, now: float, ros: int) -> None:
        """Move the arm between two ticks; deliver its messages."""
        plant, rng = self._rig.plant, self._rng
        plant.fault = self._fault.at(now) == 'fault'
        self._meet(self._contact.at(now))
        if self._finger.at(now) == 'moved':
            plant.take_fingers(float(rng.uniform()))
        parts = 1 if now - before < 0.05 else min(8, int((now - before) / 0.02))
        # While nobody looks, no joint makes a turn: a driver that wraps its angles would hide it.
        moving = min(now - before, 0.6) / parts
        for part in range(parts):
            at = before + (now - before) * (part + 1) / parts
            plant.step(moving)
            self._publish(at, ros - round((now - at) * SECOND))
            for message in [m for m in self._queue if m.due <= at]:
                self._queue.remove(message)
                self._rig.on_driver(
                    message.channel, message.value, message.stamp, at, message.truth
                )

    def _meet(self, contact: str) -> None:
        plant, rng = self._rig.plant, self._rng
        plant.blocked = contact == 'blocked'
        if contact != self._way or contact == 'noisy':
            n, hard = len(plant.joints), float(rng.choice([0.05, 0.3, 1.2]))
            moves = contact in ('pushed', 'carried', 'noisy')
            plant.push = hard * rng.normal(size=6) * (1.0 if moves else 0.0)
            plant.joint_push = hard * rng.normal(size=n) * (1.0 if moves else 0.0)
            one = rng.random(n) < 0.4
            plant.joint_push = np.where(one, plant.joint_push, 0.0)
        if contact == 'noisy':
            plant.push, plant.joint_push = 0.1 * plant.push, 0.1 * plant.joint_push
        plant.force = float(rng.choice([0.0, 5.0, 30.0])) if contact == 'blocked' else 0.0
        self._way = contact

    def _publish(self, now: float, ros: int) -> None:
        rng, way = self._rng, self._messages.at(now)
        if way == 'silent':
            return
        plant = self._rig.plant
        truth = (plant.pose.copy(), plant.joints.copy())
        delay = float(rng.uniform(0, 0.08)) if way == 'late' else 0.0
        stamp = ros
        if way == 'stamps':
            stamp = int(rng.choice([0, ros + SECOND // 4, ros - SECOND, rng.integers(2**60)]))
        for channel, value in plant.report():
            if way == 'lossy' and rng.random() < 0.5:
                continue
            if way == 'garbage' and rng.random() < 0.2:
                value = _spoil(value, rng)
            self._queue.append(_Delayed(now + delay, channel, value, stamp, truth))


def _spoil(value: Any, rng: np.random.Generator) -> Any:
    """Return a message whose numbers are not finite, or too few."""
    if hasattr(value, 'positions'):
        if rng.random() < 0.3:
            return replace(value, names=value.names[1:])
        return replace(value, positions=np.full(len(value.positions), rng.choice(GARBAGE[:3])))
    if hasattr(value, 'position'):
        bad = rng.choice(['position', 'orientation'])
        return replace(value, **{bad: np.full(3 if bad == 'position' else 4, math.nan)})
    return np.full(6, math.nan) if isinstance(value, np.ndarray) else value


class Clocks:
    """Times of the ticks: regular, late, twice in a row, stalls and suspends; ROS time jumps."""

    def __init__(self, rng: np.random.Generator, wild: float) -> None:
        self._rng, self._wild, self._offset = rng, wild, 0
        self._tick = float(rng.choice([0.02, 0.02, 0.01]))  # [s]
        self.now = 1000.0

    @property
    def ros(self) -> int:
        """ROS time now [ns]."""
        return round((self.now + 1e6) * SECOND) + self._offset

    def advance(self) -> None:
        rng, chance, w = self._rng, self._rng.random(), self._wild
        if chance < 0.02 * w:
            seconds = float(rng.uniform(0.02, 0.24))
        elif chance < 0.03 * w:
            seconds = float(rng.choice([5e-4, 2e-3, 8e-3]))
        elif chance < 0.0305 * w:
            seconds = float(rng.choice([0.26, 0.5, 5.0, 3600.0]))
        else:
            seconds = self._tick + float(rng.normal(0, 5e-4))
        self.now += max(seconds, 1e-4)
        if rng.random() < 3e-4 * w:
            self._offset += int(rng.choice([-3600, -0.1, 0.1, 3600]) * SECOND)
