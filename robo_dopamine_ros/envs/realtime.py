"""The simulated world in real time, as an arm's driver or driven by the scripted expert."""

from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.envs.expert import ScriptedExpert, observe_world
from robo_dopamine_ros.envs.waypoint_plans import STYLES, make_plan
from robo_dopamine_ros.sim import franka
from robo_dopamine_ros.sim.domain_randomization import StartDistribution, VisualRandomization
from robo_dopamine_ros.sim.quaternion import yaw_quaternion
from robo_dopamine_ros.sim.world import ACTION_RATE, World
from robo_dopamine_ros.types import ArmState, Episode, Phase, Pose

MAX_LAG = 0.2  # behind real time that is caught up; more is lost [s]
OPERATORS = ('none', 'scripted')
STARTS = ('episode', 'now')


@dataclass(frozen=True)
class RealtimeConfig:
    """Who drives the simulated arm, and when it is reset."""

    operator: str = 'none'  # none: follow target_pose; scripted: follow the scripted expert
    style: str = 'recovery'  # of its plans: demonstration, recovery, partial, near_miss, failure
    start: str = 'episode'  # it drives in running episodes, or now: all the time
    reset_delay: float = 2.0  # from the end of an episode to the reset [s]
    seed: int = 0  # of start poses, plans and appearance
    randomize_visuals: bool = False  # change light, colours and cameras at every reset

    def __post_init__(self) -> None:
        for name, known in (('operator', OPERATORS), ('style', STYLES), ('start', STARTS)):
            if getattr(self, name) not in known:
                raise ValueError(f'{name} = {getattr(self, name)!r}; it must be {", ".join(known)}')
        if not self.reset_delay >= 0:
            raise ValueError(f'reset_delay = {self.reset_delay} s; it must be at least 0')
        if not self.seed >= 0:
            raise ValueError(f'seed = {self.seed}; it must be at least 0')


class RealtimeSim:
    """Advances a world with the clock; `now` is steady time [s]."""

    def __init__(self, world: World, config: RealtimeConfig, now: float):
        self.world, self._config = world, config
        self._rng = np.random.default_rng(config.seed)
        self._clock = now  # steady time of the world's state [s]
        self._last_phase = ('', Phase.IDLE)  # episode id and phase
        self._driving, self._periods_to_reset = False, -1
        self.lost_time = 0.0  # by which the world is behind real time for good [s]
        self.reset()

    def reset(self) -> None:
        """Sample new start poses and a new plan."""
        visuals = VisualRandomization() if self._config.randomize_visuals else None
        self.world.reset(self._rng, StartDistribution(), visuals)
        self._expert = ScriptedExpert(make_plan(self._config.style, self._rng), self._rng)
        self._periods, self._periods_to_reset, self._unused = 0, -1, True
        self._driving = self._scripted and self._config.start == 'now'

    @property
    def _reset_periods(self) -> int:
        return round(self._config.reset_delay / self.world.setpoint_limits.period)

    @property
    def _scripted(self) -> bool:
        return self._config.operator == 'scripted'

    def on_command(self, pose: Pose) -> None:
        """Set the target of the tool; ValueError unless it is finite."""
        if not self._scripted:
            self.world.set_tool_target(pose)
            self._unused = False

    def on_episode(self, episode: Episode) -> None:
        """Reset for a new episode unless the scene is unused, and some time after its end.

        Only changes count; the topic repeats the same message as a heartbeat.
        """
        if (episode.id, episode.phase) == self._last_phase:
            return
        new = episode.id != self._last_phase[0]
        self._last_phase = (episode.id, episode.phase)
        if episode.phase in (Phase.RESETTING, Phase.RUNNING) and new and not self._unused:
            self.reset()
        if self._config.start == 'now':
            return
        running = episode.phase == Phase.RUNNING
        self._driving = running and self._scripted
        self._unused = self._unused and not running
        if episode.phase == Phase.ENDED:
            self._periods_to_reset = self._reset_periods

    def update(self, now: float) -> None:
        """Advance the world to `now`."""
        period = self.world.setpoint_limits.period
        late = now - self._clock - MAX_LAG
        if late > 0:
            self.lost_time += late
            self._clock += late
        while self._clock + period <= now:
            self._clock += period
            self._advance_period()

    def _advance_period(self) -> None:
        steps = round(1 / ACTION_RATE / self.world.setpoint_limits.period)
        if self._driving and self._periods % steps == 0:
            self._drive()
        self._periods += 1
        self.world.step()
        if self._periods_to_reset >= 0:
            self._periods_to_reset -= 1
            if self._periods_to_reset < 0:
                self.reset()

    def _drive(self) -> None:
        self.world.set_action(self._expert.act(observe_world(self.world)))
        self._unused = False
        if self._expert.done and self._config.start == 'now' and self._periods_to_reset < 0:
            self._periods_to_reset = self._reset_periods

    @property
    def hole_pose(self) -> Pose:
        """Pose of the hole, z up."""
        w, x, y, z = yaw_quaternion(self.world.start.board_yaw)
        return Pose(np.array(self.world.start.board), np.array([x, y, z, w]))

    def state(self, stamp: int) -> ArmState:
        """State of the arm as its driver reports it; twist of the tool in its own frame."""
        world, data, tool = self.world, self.world.data, self.world.tool_pose
        force, torque = world.wrench[:3], world.wrench[3:]
        return ArmState(
            stamp=stamp,
            pose=tool,
            twist=world.tool_twist,
            joints=data.qpos.copy(),
            joint_velocities=data.qvel.copy(),
            joint_names=franka.JOINTS,
            gripper=world.gripper_opening,
            wrench=np.concatenate([force, torque + np.cross(world.tip - tool.position, force)]),
            driver='sim',
        )
