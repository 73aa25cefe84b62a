"""One run of `train`: demonstrations, reward model, experience database and trainer.

`open_run` makes everything that a new run needs, or restores an interrupted one; the stages of a
run (`training.stages`) then call the TrainingRun.
"""

import dataclasses
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.data.episode_folder import open_recording
from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.trajectory import (
    TRAJECTORY_FILE,
    Trajectory,
    find_trajectories,
    load_trajectory,
)
from robo_dopamine_ros.experience.types import ObservationSpec
from robo_dopamine_ros.grm.compact.adaptation import adapt
from robo_dopamine_ros.grm.compact.config import CompactTrainConfig
from robo_dopamine_ros.grm.compact.features import open_with_features
from robo_dopamine_ros.grm.compact.model_card import read_card
from robo_dopamine_ros.policy.observation import (
    PROPRIOCEPTION_SIZE,
    FeatureNormalizer,
    ObservationEncoder,
)
from robo_dopamine_ros.policy.weights import next_version
from robo_dopamine_ros.reward.progress import TrackerParameters
from robo_dopamine_ros.reward.session import RewardSession, SessionParameters
from robo_dopamine_ros.training.config import (
    RunDir,
    TrainConfig,
    make_trainer,
    open_experience_writer,
    publish_run_policy,
    reward_model_path,
    save_checkpoint,
)
from robo_dopamine_ros.training.online_trainer import (
    EpisodeResult,
    InterventionPolicy,
    OnlineTrainer,
    TaskEnv,
)
from robo_dopamine_ros.training.workplace import WorkplaceError
from robo_dopamine_ros.types import Episode, Instant, Progress, Recording, Views

# The shipped model knows the task, so few steps adapt it.
ADAPTATION_CONFIG = CompactTrainConfig(steps=30, seconds=90.0, rate=3e-4, strength=0.4, drop=0.15)
# First seeds of the environment; no two uses and no two runs share a start pose.
ROLLOUT_SEEDS, EVAL_BEFORE_SEEDS, EVAL_SEEDS = 2_000_000, 5_000_000, 9_000_000
SEEDS_PER_RUN = 1_000
Demonstration = tuple[Recording, Trajectory]


class RunWarning(UserWarning):
    """Something of a run that a person should look at; the run goes on."""


class SessionRewardModel:
    """A reward session as EpisodeRewardModel; its candidates of success are final.

    With a perspective (incremental, forward or backward), that one alone is the progress.
    """

    def __init__(self, session: RewardSession, perspective: str = '') -> None:
        self._session, self._perspective = session, perspective

    def on_episode(self, episode: Episode) -> None:
        """Process the start or the end of an episode."""
        self._session.on_episode(episode)

    def update(self, views: Views) -> Progress:
        """Return the progress at these views."""
        progress, _ = self._session.update(views, {}, Instant(views.stamp, views.stamp))
        if not self._perspective:
            return progress
        return dataclasses.replace(progress, progress=getattr(progress, self._perspective))


class TrainingRun:
    """An opened run; a context manager that closes database and environment."""

    def __init__(
        self,
        run_dir: RunDir,
        config: TrainConfig,
        online: OnlineTrainer,
        intervention: InterventionPolicy,
        demonstrations: Sequence[Demonstration],
        resources: ExitStack,
    ) -> None:
        """`resources` closes all that was opened for the run."""
        self.run_dir, self.config, self.trainer = run_dir, config, online.trainer
        self.demonstrations = demonstrations
        self.results: list[EpisodeResult] = []  # of the rollouts so far
        self.metadata: dict[str, Any] = {}  # of the checkpoint
        self._online, self._intervention, self._resources = online, intervention, resources

    def __enter__(self) -> 'TrainingRun':
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def add_demonstrations(self) -> None:
        """Write the demonstrations into the experience database."""
        for index, (recording, trajectory) in enumerate(self.demonstrations):
            name = f'demonstration/{index}'
            self._online.add_demonstration(name, trajectory, recording.play())

    def restore(self) -> None:
        """Restore trainer and metadata from the checkpoint, results from the rollout log."""
        checkpoint, configuration = self.run_dir.checkpoint, self.config.configuration
        _, self.metadata = self.trainer.restore(checkpoint, configuration)
        log = self.run_dir.rollout_log
        lines = log.read_text(encoding='utf-8').splitlines() if log.exists() else []
        self.results = [EpisodeResult(**json.loads(line)) for line in lines]

    def rollout(self) -> EpisodeResult:
        """Roll out one more episode with online training, and log its result durably."""
        index = len(self.results)
        seed = ROLLOUT_SEEDS + SEEDS_PER_RUN * self.config.seed + index
        result = self._online.rollout(index, seed, self._intervention)
        self.results.append(result)
        with self.run_dir.rollout_log.open('a', encoding='utf-8') as log:
            log.write(json.dumps(dataclasses.asdict(result)) + '\n')
            log.flush()
            os.fsync(log.fileno())
        return result

    def evaluate(
        self, count: int, explore: bool, seeds: int = EVAL_SEEDS
    ) -> Iterator[EpisodeResult]:
        """Roll out the policy alone in `count` new episodes; `seeds` is the first of all runs."""
        first = seeds + SEEDS_PER_RUN * self.config.seed
        return self._online.evaluate(range(first, first + count), explore)

    def save(self, **metadata: Any) -> None:
        """Write the checkpoint, with these and the earlier metadata."""
        self.metadata |= metadata
        normalizer = self._online.encoder.normalizer
        save_checkpoint(self.run_dir, self.config, self.trainer, normalizer, self.metadata)

    def publish(self) -> None:
        """Publish the policy under the next version."""
        version = next_version(self.run_dir.weights, self.metadata.get('version', 0))
        self.metadata['version'] = version
        normalizer = self._online.encoder.normalizer
        publish_run_policy(self.run_dir, self.config, self.trainer, normalizer, version)


def open_run(
    run_dir: RunDir, config: TrainConfig, base_model: Path, report: Callable[[float, str], None]
) -> TrainingRun:
    """Open a new or an interrupted run, and do what it lacks: record, adapt, write, restore.

    `base_model` is the folder of the reward model that is adapted; `report` shows its progress.
    """
    with ExitStack() as stack:
        env, intervention = make_practice(config, stack)
        demonstrations = load_demonstrations(run_dir, config, env)
        if not config.reward_model_dir:
            adapt_reward_model(run_dir, config, demonstrations[0][0], base_model, report)
        warn_of_another_task(reward_model_path(run_dir, config), demonstrations[0][0])
        grm, features = open_with_features(reward_model_path(run_dir, config), config.policy_views)
        encoded = [
            features.encode(views) for recording, _ in demonstrations for views in recording.play()
        ]
        encoder = ObservationEncoder(features.encode, FeatureNormalizer.fit(encoded))
        recursion = 'own' if config.perspective == 'incremental' else 'fused'
        tracker = TrackerParameters(fusion=config.fusion, recursion=recursion)
        session = RewardSession(grm, SessionParameters(tracker=tracker))
        reward_model = SessionRewardModel(session, config.perspective)
        resumed = run_dir.checkpoint.exists()
        if not resumed:  # what a run wrote before its first checkpoint is deleted
            database = run_dir.database
            for path in (run_dir.rollout_log, *database.parent.glob(f'{database.name}*')):
                path.unlink(missing_ok=True)
        spec = ObservationSpec(encoded[0].size, PROPRIOCEPTION_SIZE)
        writer = open_experience_writer(run_dir, config, spec)
        stack.callback(writer.close)
        trainer = make_trainer(run_dir, config)
        stack.callback(trainer.close)
        online = OnlineTrainer(
            *(env, reward_model, encoder, trainer, writer, config.online),
            *('train', writer.start_epoch('train')),
        )
        resources = ExitStack()
        run = TrainingRun(run_dir, config, online, intervention, demonstrations, resources)
        if resumed:
            run.restore()
        else:
            run.add_demonstrations()
        resources.push(stack.pop_all())
    return run


class CellPractice:
    """Stands for the environment and the interventions of a run that practises in a cell."""

    def __init__(self, config: TrainConfig) -> None:
        self._reason = f'the run belongs to {config.workplace}; `robo-dopamine up` practises there'

    def reset(self, *_: Any, **__: Any) -> Any:
        """Raise WorkplaceError: this process has no such cell."""
        raise WorkplaceError(self._reason)

    step = act = reset


def make_practice(config: TrainConfig, stack: ExitStack) -> tuple[Any, InterventionPolicy]:
    """Make the environment of a simulated run and its interventions; `stack` closes it.

    A run of a cell has neither, so that it is prepared without a simulator installed.
    """
    if config.workplace.kind != 'simulation':
        return CellPractice(config), CellPractice(config)
    from robo_dopamine_ros.envs.insertion import make_training_env
    from robo_dopamine_ros.envs.scripted_operator import ScriptedIntervention

    env = make_training_env(config.clearance)
    stack.callback(env.close)
    rng = np.random.default_rng((config.seed, 2))
    return env, ScriptedIntervention(env.world, rng, config.interventions)


def load_demonstrations(run_dir: RunDir, config: TrainConfig, env: TaskEnv) -> list[Demonstration]:
    """Read the demonstrations; those that the run records itself are recorded if missing."""
    if config.demonstrations_dir:
        folders = find_trajectories(Path(config.demonstrations_dir))
        if not folders:
            text = f'{config.demonstrations_dir}: no folder below it has {TRAJECTORY_FILE}'
            raise EpisodeError(text)
    else:
        folders = [run_dir.demonstrations / f'{i:03d}' for i in range(config.demonstrations)]
        for index, folder in enumerate(folders):
            if not (folder / TRAJECTORY_FILE).exists():
                record_into(folder, env, config.seed, index)
    return [(open_recording(folder), load_trajectory(folder)) for folder in folders]


def warn_of_another_task(model: Path, demonstration: Recording) -> None:
    """Warn if a reward model was adapted to another task than the demonstrations show."""
    theirs, ours = read_card(model).instruction, demonstration.instruction
    if theirs and ours and theirs.casefold().strip() != ours.casefold().strip():
        text = (
            f'the reward model {model} was adapted to {theirs!r}, the demonstrations show {ours!r}'
        )
        warnings.warn(f'{text}: its progress means nothing unless both are one task', RunWarning, 2)


def record_into(folder: Path, env: Any, seed: int, index: int) -> None:
    """Record a simulated demonstration into a folder."""
    from robo_dopamine_ros.training.demonstrations import record_demonstration, save_demonstration

    recording, trajectory = record_demonstration(env, seed, index)
    save_demonstration(recording, trajectory, folder, 'images')


def adapt_reward_model(
    run_dir: RunDir,
    config: TrainConfig,
    demonstration: Recording,
    base_model: Path,
    report: Callable[[float, str], None],
) -> None:
    """Adapt a base model to a demonstration, unless the run has its model already."""
    folder = run_dir.reward_model
    if not (folder / 'model.json').exists():
        open_with_features(base_model, config.policy_views)  # refuses an unknown view at once
        adaptation = dataclasses.replace(ADAPTATION_CONFIG, threads=2)
        result = adapt([demonstration], folder, adaptation, config.seed, base_model, report=report)
        if result.weaknesses:
            warnings.warn(f'the reward model {folder} is {result.verdict}', RunWarning, 2)
