"""Scripted scenarios for the gate and its arm: a list of events, each followed by some ticks."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from search_arms import ARMS, Plant, Setup
from search_laws import Laws, Violation
from search_rig import Rig, Tick

from robo_dopamine_ros.safety.gate import GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import SECOND, ArmCommand, Episode, Mode, Phase

Event = tuple[str, Any, int]  # name, value, ticks after it
SIDE = 0.2  # half of a side of the box [m]
SETTINGS = GateSettings(require_enable=True, zones=('safety/zone',))


def make_setup(name: str, **changes: Any) -> Setup:
    """An arm at home."""
    home = np.array(ARMS['fr3' if name == 'crisp' else name].home)
    return replace(Setup(name, home), **changes)


class Script:
    """Runs events. In between all devices work, and everybody repeats what the last event said.

    Twists are given as shares of the speeds.
    """

    def __init__(self, setup: Setup, seed: int = 0, **limits: Any) -> None:
        plant = Plant(setup, np.random.default_rng(seed))
        plant.lag, plant.fastest, plant.sag = 0.05, 1.0, 0.0 * plant.sag
        self.plant, self.tool = plant, plant.pose.translation
        box = {'low': tuple(self.tool - SIDE), 'high': tuple(self.tool + SIDE), **limits}
        self.limits = Limits(**box)
        settings = replace(SETTINGS, frame=setup.described.base)
        arm = setup.make(self.limits)
        self.rig = Rig(arm, plant, self.limits, settings)
        self.now, self.tick_time, self.ros_offset = 1000.0, 0.02, 0
        if setup.name != 'crisp':
            arm.on_message('robot_description', setup.described.text, 0, self.now)
        self.laws = Laws(setup, self.limits, settings)
        self.twists: dict[Mode, np.ndarray | None] = dict.fromkeys(
            (Mode.HUMAN, Mode.POLICY, Mode.RESET)
        )
        self.silent: set[str] = set()  # what publishes nothing
        self.opening, self.phase, self.episode = 0.5, Phase.IDLE, 0
        self.held, self.locked, self.zone, self.stamps = False, False, 0, 0
        self.ticks: list[Tick] = []
        self.violations: list[Violation] = []
        self.run([('wait', None, 3), ('enable', True, 2)])

    def run(self, events: Iterable[Event]) -> 'Script':
        for name, value, ticks in events:
            getattr(self, f'on_{name}')(value)
            for _ in range(ticks):
                self._advance()
        return self

    def _advance(self) -> None:
        before, self.now = self.now, self.now + self.tick_time
        now, ros, rig = self.now, round(self.now * SECOND) + self.ros_offset, self.rig
        self.plant.step(min(now - before, 0.6))
        truth = (self.plant.pose.copy(), self.plant.joints.copy())
        if 'driver' not in self.silent:
            self.stamps += SECOND // 4
            stamp = self.stamps if 'stamps' in self.silent else ros
            for channel, value in self.plant.report():
                rig.on_driver(channel, value, stamp, now, truth)
        for mode, twist in self.twists.items():
            if mode.name.lower() not in self.silent:
                command = ArmCommand(ros, gripper=self.opening, valid=twist is not None)
                if twist is not None:
                    command = replace(command, twist=twist)
                rig.on_command(mode, command, rig.settings.frame, ros, now)
        self._devices(now)
        tick = rig.tick(now, ros)
        self.ticks.append(tick)
        self.violations += self.laws.check(tick)

    def _devices(self, now: float) -> None:
        rig = self.rig
        if 'lock' not in self.silent:
            rig.on_lock('stop_lock', self.locked, now)
        if 'enable' not in self.silent:
            rig.on_enable(self.held, now)
        if 'zone' not in self.silent:
            rig.on_zone('safety/zone', self.zone, 'scanner', now)
        if 'episode' not in self.silent:
            rig.on_episode(Episode(id=f'e{self.episode}', phase=self.phase), now)

    def on_wait(self, _: Any) -> None:
        """Nothing happens."""

    def on_human(self, twist: Any) -> None:
        self.twists[Mode.HUMAN] = self._scaled(twist)

    def on_policy(self, twist: Any) -> None:
        self.twists[Mode.POLICY] = self._scaled(twist)

    def on_reset(self, twist: Any) -> None:
        self.twists[Mode.RESET] = self._scaled(twist)

    def _scaled(self, twist: Any) -> np.ndarray | None:
        scale = np.repeat([self.limits.speed, self.limits.angular_speed], 3)
        return None if twist is None else scale * np.array(twist, float)

    def on_phase(self, name: str) -> None:
        self.phase = Phase[name.upper()]
        self.episode += self.phase is Phase.RESETTING

    def on_enable(self, held: bool) -> None:
        self.held = held

    def on_lock(self, locked: bool) -> None:
        self.locked = locked

    def on_zone(self, state: int) -> None:
        self.zone = state

    def on_silence(self, name: str) -> None:
        self.silent ^= {name}

    def on_rearm(self, _: Any) -> None:
        self.rig.rearm(self.now)

    def on_stop(self, _: Any) -> None:
        self.rig.stop(self.now)

    def on_take_over(self, _: Any) -> None:
        self.rig.take_over(self.now)

    def on_release(self, _: Any) -> None:
        self.rig.release(self.now)

    def on_pause(self, seconds: float) -> None:
        """Let one tick come late, as when the computer is suspended."""
        regular, self.tick_time = self.tick_time, seconds
        self._advance()
        self.tick_time = regular

    def on_clock(self, seconds: float) -> None:
        """Set the ROS clock."""
        self.ros_offset += round(seconds * SECOND)

    def on_push(self, velocity: Any) -> None:
        """Push the tool (of a Cartesian arm) and the joints, by shares of 1 m/s and 1 rad/s."""
        velocity = np.resize(np.array(velocity, float), 7)
        self.plant.push = velocity[:6].copy()
        self.plant.joint_push = velocity[: len(self.plant.joints)].copy()

    def on_block(self, blocked: bool) -> None:
        self.plant.blocked = blocked

    def on_fault(self, fault: bool) -> None:
        self.plant.fault = fault

    def on_lag(self, seconds: float) -> None:
        self.plant.lag = seconds

    def on_sag(self, share: float) -> None:
        self.plant.sag = np.full(len(self.plant.joints), float(share))

    def on_force(self, newton: float) -> None:
        self.plant.force = newton

    def on_wraps(self, wraps: bool) -> None:
        self.plant.wraps = wraps

    def on_fingers(self, opening: float) -> None:
        self.plant.take_fingers(opening)

    def on_grip(self, opening: float) -> None:
        self.opening = opening

    def broken(self) -> list[str]:
        """Laws that were broken, each with its first example."""
        first = {v.law: v for v in reversed(self.violations)}
        return [f'{law} at tick {v.tick}: {v.text}' for law, v in first.items()]
