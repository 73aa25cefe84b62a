"""A small run directory, and episodes in its database as a recorder would write them."""

from pathlib import Path

import numpy as np

from robo_dopamine_ros.experience.types import (
    ActionScale,
    Observation,
    ObservationSpec,
    Step,
    StepId,
)
from robo_dopamine_ros.learning.config import AgentConfig
from robo_dopamine_ros.policy.observation import FeatureNormalizer
from robo_dopamine_ros.training.config import (
    OnlineTrainerConfig,
    RunDir,
    TrainConfig,
    make_trainer,
    open_experience_writer,
    publish_run_policy,
    reopen_experience_writer,
    save_checkpoint,
    write_train_config,
)
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

SPEC = ObservationSpec(features=3, state=2)
DEMONSTRATED = 6  # steps
CONFIG = TrainConfig(
    AgentConfig(width=8, critics=2),
    OnlineTrainerConfig(
        updates_per_step=3, batch_size=4, pretraining_steps=5, action_scale=ActionScale(axes=('x',))
    ),
    seed=4,
)


def make_run(path: Path, config: TrainConfig = CONFIG) -> RunDir:
    """What `robo-dopamine train --rollouts 0` makes, without demonstrations and reward model."""
    run_dir = RunDir(path)
    path.mkdir(parents=True, exist_ok=True)
    write_train_config(config, path)
    with open_experience_writer(run_dir, config, SPEC) as writer:
        write_episode(writer, 'demonstration/0', DEMONSTRATED, demonstration=True)
    trainer = make_trainer(run_dir, config)
    list(trainer.pretrain(config.online.pretraining_steps))
    normalizer = FeatureNormalizer(np.zeros(3, np.float32), np.ones(3, np.float32))
    save_checkpoint(run_dir, config, trainer, normalizer, {'seconds': 1.0})
    publish_run_policy(run_dir, config, trainer, normalizer, version=1)
    trainer.close()
    return run_dir


def add_policy_episode(run_dir: RunDir, episode: str, steps: int) -> None:
    """Add an episode of the policy to the database."""
    with reopen_experience_writer(run_dir) as writer:
        write_episode(writer, episode, steps)


def write_episode(writer, episode: str, steps: int, demonstration: bool = False) -> None:
    rng = np.random.default_rng(len(episode) + steps)
    epoch = writer.start_epoch(episode)
    mode = Mode.HUMAN if demonstration else Mode.POLICY
    observations = [_observation(rng, SECOND + i * SECOND // 10) for i in range(steps + 1)]
    for i, (begin, end) in enumerate(zip(observations[:-1], observations[1:], strict=True)):
        twist = np.array([rng.uniform(-0.1, 0.1), 0, 0, 0, 0, 0])
        step_id = StepId(episode, epoch, i)
        step = Step(step_id, episode, begin, end, mode, twist, 0.0, 0.0, 1, demonstration)
        writer.record(step, end.stamp)
        progress = (i + 1) / steps
        writer.record(Progress(end.stamp, episode, progress=progress, valid=True), end.stamp)
    stamp = observations[-1].stamp
    ended = Episode(episode, phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=stamp)
    writer.record(ended, stamp)


def _observation(rng: np.random.Generator, stamp: int) -> Observation:
    features = rng.normal(size=SPEC.features).astype(SPEC.precision)
    return Observation(stamp, features, rng.normal(size=SPEC.state).astype(np.float32))
