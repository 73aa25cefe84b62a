"""Configuration of a training run, and the run directory that holds its files.

`robo-dopamine train` and the nodes of a live cell read the same configuration from `run.json`, open
the same experience database and write the same checkpoint and policy file; all of that is here.
"""

import json
import shlex
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from robo_dopamine_ros.checkpoint import CheckpointError, write_atomic
from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.trajectory import find_trajectories
from robo_dopamine_ros.experience.reader import ExperienceReader
from robo_dopamine_ros.experience.reward_baselines import REWARDS
from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.experience.transitions import TransitionConfig
from robo_dopamine_ros.experience.types import ActionScale, ObservationSpec
from robo_dopamine_ros.experience.writer import ExperienceWriter
from robo_dopamine_ros.learning.config import AgentConfig, CalQlConfig, ConRftConfig, ReplayConfig
from robo_dopamine_ros.learning.trainer import Trainer
from robo_dopamine_ros.policy.observation import FeatureNormalizer
from robo_dopamine_ros.policy.weights import publish_policy
from robo_dopamine_ros.reward.shaping import RewardParameters
from robo_dopamine_ros.training.workplace import (
    SIMULATION,
    Workplace,
    WorkplaceError,
    common_workplace,
)
from robo_dopamine_ros.types import VIEWS, require_at_least

WRIST_VIEWS = VIEWS[1:]  # near the hole they look the same for every position of the board
RENAMED = {  # keys of run.json in earlier versions -> keys now
    'practice': 'online',
    'given': 'demonstrations_dir',
    'model': 'reward_model_dir',
    'sees': 'policy_views',
}


@dataclass(frozen=True)
class OnlineTrainerConfig:
    """Length of the rollouts, and the number of gradient steps taken on them."""

    horizon: int = 80  # maximum steps of an episode, 1 or more
    updates_per_step: int = 8  # gradient steps for one environment step, 0 or more
    batch_size: int = 128  # transitions of a gradient step, 2 or more
    pretraining_steps: int = 300  # gradient steps on demonstrations before rollouts, 0 or more
    action_scale: ActionScale = field(default_factory=ActionScale)
    replay: ReplayConfig = field(default_factory=ReplayConfig)

    def __post_init__(self) -> None:
        require_at_least(0, self, 'updates_per_step', 'pretraining_steps')
        require_at_least(1, self, 'horizon')
        require_at_least(2, self, 'batch_size')


@dataclass(frozen=True)
class TrainConfig:
    """Configuration of a whole run, kept as `run.json`."""

    agent: AgentConfig
    online: OnlineTrainerConfig
    seed: int = 0
    rollouts: int = 120  # of online training
    interventions: int = 15  # the scripted operator may intervene in the first so many rollouts
    reward: str = 'shaped'  # shaped, sparse, absolute or scaled
    fusion: str = 'mean'  # of the perspectives of progress: mean or consistency
    perspective: str = ''  # the only perspective used as potential; empty: the fused progress
    gamma: float = 0.97  # discount of one step
    clearance: float = 0.002  # hole side minus peg side [m]
    demonstrations: int = 1  # number to record, where `demonstrations_dir` is empty
    demonstrations_dir: str = ''  # folder of recorded demonstrations
    reward_model_dir: str = ''  # folder of a reward model; empty: adapt the shipped one
    policy_views: tuple[str, ...] = WRIST_VIEWS  # views the policy observes; empty: all
    workplace: Workplace = SIMULATION  # where its steps are made and its policy acts

    def __post_init__(self) -> None:
        require_at_least(0, self, 'seed', 'rollouts', 'interventions')
        require_at_least(1, self, 'demonstrations')
        if not 0.0 < self.gamma < 1.0:
            raise ValueError(f'gamma = {self.gamma}; it must lie between 0 and 1')
        if not 0.0 < self.clearance <= 0.02:
            raise ValueError(f'clearance = {self.clearance} m; it must lie above 0, up to 0.02')

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that a checkpoint of the run must have been made with.

        Rollouts may become more; the workplace is compared by itself (`training/workplace.py`).
        """
        configuration = json.loads(json.dumps(asdict(self)))
        del configuration['rollouts'], configuration['workplace']
        return configuration


def default_agent_config(algorithm: str) -> AgentConfig:
    """Return the agent's configuration that was tuned for online training on one core."""
    return AgentConfig(
        algorithm=algorithm,
        reward_scale=10.0,
        width=128,
        critic_learning_rate=5e-4,
        actor_learning_rate=5e-4,
        temperature_learning_rate=5e-4,
        temperature=0.02,
        target_entropy=-0.25,
        actor_interval=4,
        bound_targets_by_returns=True,
        imitation_offline=5.0,
        imitation_online=5.0,
        calql=CalQlConfig(online=0.0, samples=4, batch_fraction=0.125, max_backup=False),
        conrft=ConRftConfig(samples=4, batch_fraction=0.25),
    )


def default_train_config(algorithm: str) -> TrainConfig:
    """Return the configuration of `train` without options."""
    online = OnlineTrainerConfig(replay=ReplayConfig(feature_noise=0.1))
    return TrainConfig(default_agent_config(algorithm), online)


def _entry(name: str) -> property:
    return property(lambda self: self.path / name)


@dataclass(frozen=True)
class RunDir:
    """Paths in the directory of a run, as `robo-dopamine train` makes it."""

    path: Path
    config = _entry('run.json')  # TrainConfig
    demonstrations = _entry('demonstrations')  # episode folders
    episodes = _entry('episodes')  # episode folders recorded in a live cell
    reward_model = _entry('model')  # adapted reward model, unless the configuration names another
    database = _entry('experience.db')  # experience; one process at a time writes it
    checkpoint = _entry('checkpoint.safetensors')  # networks, optimisers, counters, random states
    weights = _entry('policy.safetensors')  # published policy
    tensorboard = _entry('tensorboard')  # event files
    rollout_log = _entry('rollouts.jsonl')  # one line per rollout in process

    @property
    def learned(self) -> bool:
        """Whether anything was learned in it that a resumed run uses: a reward model, a policy."""
        return (self.reward_model / 'model.json').exists() or self.checkpoint.exists()

    def missing(self) -> str:
        """Say which files online training needs and lacks, with the command that makes them."""
        needed = (self.config, self.database, self.checkpoint)
        absent = ', '.join(path.name for path in needed if not path.is_file())
        option = '--resume' if self.config.is_file() else '--out'
        command = f'robo-dopamine train --rollouts 0 {option} {shlex.quote(str(self.path))}'
        return f'{self.path}: without {absent} it is no run; `{command}` makes it' if absent else ''


def reward_model_path(run_dir: RunDir, config: TrainConfig) -> Path:
    """Return the folder of the run's reward model."""
    return Path(config.reward_model_dir) if config.reward_model_dir else run_dir.reward_model


def read_train_config(path: Path) -> TrainConfig:
    """Read the configuration in a run directory; CheckpointError where there is none."""
    file = RunDir(path).config
    try:
        saved = json.loads(file.read_text(encoding='utf-8'))
        if old := [name for name in RENAMED if name in saved]:
            names = ', '.join(f'{name} is {RENAMED[name]} now' for name in old)
            raise ValueError(f'it was made by an earlier version: {names}')
        agent, online = AgentConfig.from_dict(saved.pop('agent')), saved.pop('online')
        online['action_scale'] = ActionScale.from_dict(online['action_scale'])
        online['replay'] = ReplayConfig(**online['replay'])
        saved['policy_views'] = tuple(saved['policy_views'])
        saved['workplace'] = _workplace(saved)
        return TrainConfig(agent, OnlineTrainerConfig(**online), **saved)
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CheckpointError(f'{file}: no run of `train` to resume: {error}') from error


def _workplace(saved: Mapping[str, Any]) -> Workplace:
    """Return the workplace in `run.json`; where an earlier version left it out, that of its data.

    It is not known where the demonstrations do not say it, or are gone.
    """
    if 'workplace' in saved:
        return Workplace.from_dict(saved['workplace'])
    if not (given := saved.get('demonstrations_dir')):
        return SIMULATION
    try:
        return common_workplace(find_trajectories(Path(given)))
    except (EpisodeError, WorkplaceError):
        return Workplace()


def write_train_config(config: TrainConfig, path: Path) -> None:
    """Write the configuration into a run directory, atomically."""
    rest = {'rollouts': config.rollouts, 'workplace': asdict(config.workplace)}
    text = json.dumps(config.configuration | rest, indent=2)
    write_atomic(RunDir(path).config, f'{text}\n'.encode())


def open_experience_writer(
    run_dir: RunDir, config: TrainConfig, spec: ObservationSpec, limit: int = 0
) -> ExperienceWriter:
    """Open the run's database for writing; `limit` [bytes] is as in ExperienceWriter."""
    transitions = TransitionConfig(reward=RewardParameters(gamma=config.gamma))
    return ExperienceWriter.open(run_dir.database, spec, transitions, REWARDS[config.reward], limit)


def reopen_experience_writer(run_dir: RunDir, limit: int = 0) -> ExperienceWriter:
    """Open an existing database; ExperienceError or CheckpointError where the run has none."""
    if missing := run_dir.missing():
        raise ExperienceError(missing)
    config = read_train_config(run_dir.path)
    with closing(ExperienceReader(run_dir.database)) as reader:
        spec = reader.spec
    return open_experience_writer(run_dir, config, spec, limit)


def make_trainer(run_dir: RunDir, config: TrainConfig) -> Trainer:
    """Make an untrained agent that reads the run's database; ExperienceError without one."""
    online = config.online
    return Trainer.create(
        *(run_dir.database, online.action_scale, config.agent, online.batch_size),
        *(config.seed, online.replay),
    )


def save_checkpoint(
    run_dir: RunDir,
    config: TrainConfig,
    trainer: Trainer,
    normalizer: FeatureNormalizer,
    metadata: Mapping[str, Any],
) -> None:
    """Write the run's checkpoint, atomically."""
    trainer.save(run_dir.checkpoint, normalizer, config.configuration, metadata)


def publish_run_policy(
    run_dir: RunDir,
    config: TrainConfig,
    trainer: Trainer,
    normalizer: FeatureNormalizer,
    version: int,
) -> None:
    """Publish the policy as it is learned so far, as `version`."""
    publish_policy(
        *(run_dir.weights, trainer.agent.policy, normalizer, config.online.action_scale),
        *(version, trainer.agent.updates),
    )
