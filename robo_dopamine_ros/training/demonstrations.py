"""Demonstrations of the scripted expert: recordings for the reward model, and trajectories."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from robo_dopamine_ros.data import json_file
from robo_dopamine_ros.data.episode_folder import save_recording
from robo_dopamine_ros.data.episode_writer import RECORD_FILE
from robo_dopamine_ros.data.trajectory import Trajectory, save_trajectory
from robo_dopamine_ros.envs.expert import ScriptedExpert, observe_world
from robo_dopamine_ros.envs.insertion import POSITION_SCALE, TimestampedEnv
from robo_dopamine_ros.envs.rollouts import make_recording
from robo_dopamine_ros.envs.waypoint_plans import make_plan
from robo_dopamine_ros.experience.types import ActionScale
from robo_dopamine_ros.training.online_trainer import GRIPPER_CLOSED, views_of
from robo_dopamine_ros.training.workplace import SIMULATION
from robo_dopamine_ros.types import Mode, Outcome, Recording, Views

MAX_STEPS = 120
MIN_MOTION = 0.0008  # per step; less counts as standing still [m]


def demonstration_name(index: int) -> str:
    """Return the name of a recorded demonstration, and of its folder."""
    return f'demonstration_{index:03d}'


def save_demonstration(
    recording: Recording, trajectory: Trajectory, folder: Path, layout: str
) -> None:
    """Write an episode folder with its trajectory, and that it is of the simulation."""
    save_recording(recording, folder, layout)
    save_trajectory(trajectory, folder)
    json_file.write(folder / RECORD_FILE, {'workplace': asdict(SIMULATION)})


def record_demonstration(
    env: TimestampedEnv, seed: int, index: int
) -> tuple[Recording, Trajectory]:
    """Record one demonstration; failed attempts are discarded."""
    rng = np.random.default_rng((seed, index, 1))
    while True:
        views, trajectory, success = _attempt(env, rng)
        if success:
            name = demonstration_name(index)
            return _recording_of(views, trajectory.states, name), trajectory


def _attempt(env: TimestampedEnv, rng: np.random.Generator) -> tuple[list[Views], Trajectory, bool]:
    """Roll out the expert once; returns views and trajectory, and whether it succeeded."""
    expert, scale = ScriptedExpert(make_plan('demonstration', rng), rng), ActionScale()
    observation, info = env.reset(seed=int(rng.integers(2**31)))
    views, states = [views_of(observation, info)], [observation['state']]
    actions: list[np.ndarray] = []
    while not expert.done and len(actions) < MAX_STEPS:
        actions.append(expert.act(observe_world(env.world)))
        observation, _, _, _, info = env.step(actions[-1])
        views.append(views_of(observation, info))
        states.append(observation['state'])
    twists = [scale.decode(action, GRIPPER_CLOSED)[0] for action in actions]
    trajectory = Trajectory(
        stamps=np.array([one.stamp for one in views]),
        states=np.stack(states),
        twists=np.stack(twists).astype(np.float32),
        grippers=np.full(len(actions), GRIPPER_CLOSED, np.float32),
        modes=np.full(len(actions), int(Mode.HUMAN)),
    )
    return views, trajectory, info['is_success']


def _recording_of(views: Sequence[Views], states: np.ndarray, name: str) -> Recording:
    """Make an episode of these views; progress is linear in time until the last motion."""
    motion = np.linalg.norm(np.diff(states[:, :3], axis=0), axis=1) * POSITION_SCALE
    last = int(np.flatnonzero(motion > MIN_MOTION)[-1]) + 1
    progress = np.interp(np.arange(len(views)), (0, last), (0.0, 1.0))
    images = [one.images for one in views]
    span = (0, last)
    return make_recording(
        name, progress, lambda: images, span=span, keyframes=span, outcome=Outcome.SUCCESS
    )
