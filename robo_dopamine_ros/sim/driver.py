"""Stands in for the driver of an arm, in real time, and for the person who may drive it."""

from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.sim import franka
from robo_dopamine_ros.sim.operator import Operator, sight
from robo_dopamine_ros.sim.plans import STYLES, plan
from robo_dopamine_ros.sim.rotation import upright
from robo_dopamine_ros.sim.variation import Looks, Starts
from robo_dopamine_ros.sim.world import RATE, World
from robo_dopamine_ros.types import ArmState, Episode, Phase, Pose

BEHIND = 0.2  # lag behind real time that is caught up; beyond it time slips [s]
OPERATORS = ('none', 'scripted')
STARTS = ('episode', 'now')


@dataclass(frozen=True)
class Conduct:
    """Who drives the simulated arm, and when."""

    operator: str = 'none'  # none: follow target_pose; scripted: drive itself and ignore it
    style: str = 'recovery'  # of the scripted operator: demonstration, recovery, partial, ...
    start: str = 'episode'  # the operator sets out when an episode runs, or now, over and over
    linger: float = 2.0  # the scene stays this long after an episode before it is reset [s]
    seed: int = 0  # of starts, plans and looks
    varied: bool = False  # change light, colours and cameras at every reset

    def __post_init__(self) -> None:
        for name, known in (('operator', OPERATORS), ('style', STYLES), ('start', STARTS)):
            if getattr(self, name) not in known:
                raise ValueError(f'{name} = {getattr(self, name)!r}; it must be {", ".join(known)}')
        if not self.linger >= 0:
            raise ValueError(f'linger = {self.linger} s; it must be at least 0')
        if not self.seed >= 0:
            raise ValueError(f'seed = {self.seed}; it must be at least 0')


class Driver:
    """Keeps a world in step with the clock; `now` is steady time [s]."""

    def __init__(self, world: World, conduct: Conduct, now: float):
        self.world, self._conduct = world, conduct
        self._rng = np.random.default_rng(conduct.seed)
        self._clock = now  # steady time the world has reached [s]
        self._noted = ('', Phase.IDLE)  # episode and phase heard of last
        self._driving, self._rest = False, -1
        self.slipped = 0.0  # time that was lost because the machine was too slow [s]
        self.reset()

    def reset(self) -> None:
        """Begin anew elsewhere, with a new plan."""
        self.world.reset(self._rng, Starts(), Looks() if self._conduct.varied else None)
        self._operator = Operator(plan(self._conduct.style, self._rng), self._rng)
        self._ticks, self._rest, self._fresh = 0, -1, True
        self._driving = self._scripted and self._conduct.start == 'now'

    @property
    def _scripted(self) -> bool:
        return self._conduct.operator == 'scripted'

    def command(self, pose: Pose) -> None:
        """Follow a pose of the tool; ValueError unless it is finite."""
        if not self._scripted:
            self.world.aim_tool(pose)
            self._fresh = False

    def note(self, episode: Episode) -> None:
        """Hear of an episode: a scene is never used twice, and an ended one is cleared later.

        Only changes count: the same is said over and over, as a sign of life.
        """
        if (episode.id, episode.phase) == self._noted:
            return
        new, self._noted = episode.id != self._noted[0], (episode.id, episode.phase)
        if episode.phase in (Phase.RESETTING, Phase.RUNNING) and new and not self._fresh:
            self.reset()
        if self._conduct.start == 'now':
            return
        running = episode.phase == Phase.RUNNING
        self._driving = running and self._scripted
        self._fresh = self._fresh and not running
        if episode.phase == Phase.ENDED:
            self._rest = round(self._conduct.linger / self.world.reins.period)

    def update(self, now: float) -> None:
        """Bring the world to `now`."""
        period = self.world.reins.period
        late = now - self._clock - BEHIND
        if late > 0:
            self.slipped += late
            self._clock += late
        while self._clock + period <= now:
            self._clock += period
            self._tick()

    def _tick(self) -> None:
        steps = round(1 / RATE / self.world.reins.period)
        if self._driving and self._ticks % steps == 0:
            self._drive()
        self._ticks += 1
        self.world.advance()
        if self._rest >= 0:
            self._rest -= 1
            if self._rest < 0:
                self.reset()

    def _drive(self) -> None:
        self.world.head(self._operator.act(sight(self.world)))
        self._fresh = False
        if self._operator.done and self._conduct.start == 'now' and self._rest < 0:
            self._rest = round(self._conduct.linger / self.world.reins.period)

    @property
    def board(self) -> Pose:
        """Where the hole is, z up."""
        w, x, y, z = upright(self.world.start.turn)
        return Pose(np.array(self.world.start.board), np.array([x, y, z, w]))

    def state(self, stamp: int) -> ArmState:
        """What the arm reports; its twist is that of the tool in the tool's frame."""
        world, data, tool = self.world, self.world.data, self.world.tool
        force, torque = world.wrench[:3], world.wrench[3:]
        return ArmState(
            stamp=stamp,
            pose=tool,
            twist=world.tool_twist,
            joints=data.qpos.copy(),
            joint_velocities=data.qvel.copy(),
            joint_names=franka.JOINTS,
            gripper=world.opening,
            wrench=np.concatenate([force, torque + np.cross(world.tip - tool.position, force)]),
            driver='sim',
        )
