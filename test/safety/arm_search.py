"""Search for broken laws: random stretches of ticks, each with limits, arm and world of its own."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from search_actors import Clocks, DeviceActors, DriverActor
from search_arms import ARMS, KINEMATICS, Plant, Setup
from search_commands import command_actors
from search_laws import Laws, Violation
from search_rig import Rig

from robo_dopamine_ros.arms.differential_ik import IkConfig
from robo_dopamine_ros.safety.gate import GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import Mode

STRETCH = 500  # ticks with one world
GRIPPERS = {'crisp': ('none', 'array', 'joint', 'command', 'parallel'), 'piper': ('none', 'joint')}


@dataclass
class Found:
    """What a search found."""

    ticks: int = 0
    sent: int = 0  # ticks in which something was sent
    moving: int = 0  # ticks in which a source moved the arm
    modes: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[int, Violation]] = field(default_factory=dict)  # seed, the worst
    worst: dict[str, float] = field(default_factory=dict)


def draw_setup(name: str, rng: np.random.Generator) -> Setup:
    """Draw the arm: where it starts, its gripper, its joint motion."""
    described = ARMS['fr3' if name == 'crisp' else name]
    home = np.array(described.home)
    start = home + rng.normal(0, 0.2, len(home))
    kinematics = KINEMATICS[described.name]
    low, high = kinematics.lower + 0.02, kinematics.upper - 0.02
    if rng.random() < 0.3:  # anywhere, but as a driver that wraps its angles reports it
        start = rng.uniform(np.maximum(low, -3.1), np.minimum(high, 3.1))
    kinds = GRIPPERS.get(name, GRIPPERS['crisp'])
    speed = float(rng.choice([0.5, 1.0, 2.0]))
    ik = IkConfig(speed=speed, acceleration=float(rng.choice([5.0, 10.0, 20.0])))
    start, table = np.clip(start, low, high), None
    links = name != 'crisp' and rng.random() < 0.4
    if links and rng.random() < 0.5:
        table = float(kinematics.pose(start).translation[2] - rng.uniform(-0.02, 0.2))
    return Setup(
        name,
        start,
        gripper=str(rng.choice(kinds)),
        binary=bool(rng.random() < 0.3),
        reports_gripper=bool(rng.random() < 0.7),
        ik=ik if rng.random() < 0.5 else IkConfig(),
        wrench=bool(rng.random() < 0.3) and name != 'piper',
        links=links,
        table=table,
    )


def draw_limits(setup: Setup, rng: np.random.Generator) -> Limits:
    """Draw limits around where the arm starts; now and then it is outside of its box."""
    tool = KINEMATICS[setup.described.name].pose(setup.start).translation
    low, high = tool - rng.uniform(0.01, 0.3, 3), tool + rng.uniform(0.01, 0.3, 3)
    if rng.random() < 0.2:
        shift = rng.choice([-1, 0, 1], 3) * 0.25
        low, high = low + shift, high + shift
    limits = Limits(low=tuple(low), high=tuple(high))
    if rng.random() < 0.3:
        return limits
    return replace(
        limits,
        speed=float(np.exp(rng.uniform(np.log(0.02), np.log(0.4)))),
        angular_speed=float(np.exp(rng.uniform(np.log(0.1), np.log(1.5)))),
        acceleration=float(rng.choice([0.3, 1.0, 3.0])),
        angular_acceleration=float(rng.choice([1.0, 5.0, 10.0])),
        max_tracking_error=float(rng.choice([0.01, 0.04, 0.08])),
        max_rotation_error=float(rng.choice([0.05, 0.3, 0.5])),
        force=float(rng.choice([0.0, 20.0])) if setup.wrench else 0.0,
    )


class World:
    """One stretch: a rig, and everything that happens to it."""

    def __init__(self, name: str, seed: int) -> None:
        rng = np.random.default_rng([seed, *name.encode()])
        wild = float(rng.choice([0.0, 0.2, 0.2, 0.5, 1.0, 3.0]))
        self.setup = draw_setup(name, rng)
        self.limits = draw_limits(self.setup, rng)
        described, arm = self.setup.described, self.setup.make(self.limits)
        self.settings = GateSettings(
            frame=described.base,
            armed=bool(rng.random() < 0.3),
            other_stop_locks=('plc',) if rng.random() < 0.3 else (),
            require_enable=bool(rng.random() < 0.7),
            zones=('safety/zone',) if rng.random() < 0.4 else (),
        )
        plant = Plant(self.setup, rng)
        self.rig = Rig(arm, plant, self.limits, self.settings)
        self.clocks = Clocks(rng, wild)
        if name != 'crisp':
            arm.on_message('robot_description', described.text, 0, self.clocks.now)
        self.laws = Laws(self.setup, self.limits, self.settings)
        self.sources = command_actors(self.rig, rng, wild)
        self.devices = DeviceActors(self.rig, rng, wild)
        self.driver = DriverActor(self.rig, rng, wild)

    def ticks(self, count: int) -> Iterator[tuple[Any, list[Violation]]]:
        """Run; give each tick with the laws it breaks."""
        clocks = self.clocks
        for _ in range(count):
            before = clocks.now
            clocks.advance()
            now, ros = clocks.now, clocks.ros
            self.driver.act(before, now, ros)
            for source in self.sources:
                source.act(now, ros)
            self.devices.act(now)
            others, busy = self.devices.other_publisher(), self.devices.busy(now)
            tick = self.rig.tick(now, ros, others, busy)
            yield tick, self.laws.check(tick)


def search(name: str, seed: int, found: Found, ticks: int = STRETCH) -> None:
    """Run one stretch with an arm, and add what it found."""
    world = World(name, seed)
    for tick, violations in world.ticks(ticks):
        mode = tick.control.mode
        found.ticks += 1
        found.sent += tick.pose is not None
        found.moving += mode not in (Mode.HOLD, Mode.STOPPED)
        found.modes[mode.name] += 1
        for violation in violations:
            law = violation.law
            found.broken[law] += 1
            before = found.examples.get(law)
            if before is None or violation.excess > before[1].excess:
                found.examples[law] = seed, violation
    for law, value in world.laws.worst.items():
        found.worst[law] = max(found.worst.get(law, value), value)
