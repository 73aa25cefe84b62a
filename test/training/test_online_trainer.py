"""Online training in a small environment: steps stored, interventions, ends of episodes, resume."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch

from robo_dopamine_ros.checkpoint import CheckpointError
from robo_dopamine_ros.data.trajectory import Trajectory
from robo_dopamine_ros.experience.reader import ExperienceReader
from robo_dopamine_ros.experience.reward_baselines import REWARDS
from robo_dopamine_ros.experience.transitions import TransitionConfig
from robo_dopamine_ros.experience.types import ActionScale, ObservationSpec
from robo_dopamine_ros.experience.writer import ExperienceWriter
from robo_dopamine_ros.learning.config import AgentConfig, CalQlConfig
from robo_dopamine_ros.learning.objectives import NoiseSource, Objectives
from robo_dopamine_ros.learning.trainer import Trainer
from robo_dopamine_ros.policy.observation import FeatureNormalizer, ObservationEncoder
from robo_dopamine_ros.reward.shaping import RewardParameters, step_reward
from robo_dopamine_ros.training.config import OnlineTrainerConfig
from robo_dopamine_ros.training.online_trainer import OnlineTrainer
from robo_dopamine_ros.types import SECOND, Mode, Outcome, Phase, Progress, Views

PERIOD = SECOND // 10
GOAL, START = 0.8, -0.8
SPEC = ObservationSpec(features=1, state=1)
AGENT = AgentConfig(
    width=16,
    critics=2,
    calql=CalQlConfig(online=0.0, samples=2, max_backup=False),
    bound_targets_by_returns=True,
)
SCALE = ActionScale(axes=('x',))


class LineEnv(gymnasium.Env):
    """A point on a line; its image is one pixel, as bright as the point is far."""

    def __init__(self):
        self.stamp, self.x = SECOND, START

    def reset(self, *, seed=None, options=None):
        self.stamp, self.x = self.stamp + SECOND, START
        return self.observe()

    def step(self, action):
        self.stamp, self.x = self.stamp + PERIOD, float(np.clip(self.x + 0.2 * action[0], -1, 1))
        observation, info = self.observe()
        return observation, 0.0, False, False, info

    def observe(self):
        pixel = np.full((1, 1, 3), round(127 * (self.x + 1)), np.uint8)
        info = {'stamp': self.stamp, 'is_success': self.x > GOAL}
        return {'front': pixel, 'state': np.array([self.x], np.float32)}, info


def position_in(views):
    return views.images['front'][0, 0, 0] / 127.0 - 1.0


class PixelRewardModel:
    """Progress is how far the pixel says the point is."""

    def __init__(self):
        self.episodes = []

    def on_episode(self, episode):
        self.episodes.append(episode)

    def update(self, views):
        progress = float(np.clip((position_in(views) - START) / (GOAL - START), 0, 1))
        name = self.episodes[-1].id
        return Progress(views.stamp, name, 1, '', progress, valid=True, confidence=1.0,
                        success_candidate=progress >= 1.0)  # fmt: skip


class FirstRolloutIntervention:
    """Takes over in the first rollout, from its third step on."""

    def reset(self, rollout):
        self.steps = 0 if rollout == 0 else -1000

    def act(self):
        self.steps += 1
        return np.ones(1, np.float32) if self.steps > 2 else None


class SmallRun:
    """An online trainer with its database in a folder."""

    def __init__(self, folder, agent=AGENT, seed=0, reward='shaped', **parameters):
        self.database = folder / 'experience.db'
        self.env, self.reward_model = LineEnv(), PixelRewardModel()
        self.normalizer = FeatureNormalizer(np.zeros(1, np.float32), np.ones(1, np.float32))
        self.encoder = ObservationEncoder(lambda v: np.array([position_in(v)]), self.normalizer)
        self.writer = ExperienceWriter.open(
            *(self.database, SPEC, TransitionConfig(reward=RewardParameters(gamma=0.9))),
            REWARDS[reward],
        )
        defaults = {'updates_per_step': 1, 'batch_size': 8, 'pretraining_steps': 3, 'horizon': 20}
        config = OnlineTrainerConfig(action_scale=SCALE, **{**defaults, **parameters})
        self.trainer = Trainer.create(self.database, SCALE, agent, config.batch_size, seed)
        self.agent, self.replay_buffer = self.trainer.agent, self.trainer.replay_buffer
        self.online = OnlineTrainer(
            *(self.env, self.reward_model, self.encoder, self.trainer, self.writer, config),
            *('run', self.writer.start_epoch('run')),
        )
        self.intervention = FirstRolloutIntervention()

    def add_demonstration(self):
        count = 8
        states = np.linspace(START, GOAL, count + 1, dtype=np.float32)[:, None]
        twists = np.zeros((count, 6), np.float32)
        twists[:, 0] = 0.1
        trajectory = Trajectory(np.arange(count + 1) * PERIOD, states, twists, np.zeros(count),
                                np.full(count, int(Mode.HUMAN)))  # fmt: skip
        pixels = (np.full((1, 1, 3), round(127 * (x + 1)), np.uint8) for x in states[:, 0])
        views = (Views({'front': pixel}, {'front': 0}) for pixel in pixels)
        self.online.add_demonstration('demo', trajectory, views)

    def pretrain(self):
        return self.trainer.pretrain(self.online.config.pretraining_steps)

    def rollout(self, index):
        return self.online.rollout(index, index, self.intervention)

    def evaluate(self, count, explore):
        return list(self.online.evaluate(range(count), explore))

    def close(self):
        self.writer.close()

    def transitions(self):
        """All transitions, read as another process would."""
        return ExperienceReader(self.database).read().transitions


@pytest.fixture
def run(tmp_path):
    run = SmallRun(tmp_path)
    yield run
    run.close()


def test_a_demonstration_is_trained_on_before_rollouts(run):
    run.add_demonstration()
    assert list(run.pretrain()) == [1, 2, 3]
    rows = run.transitions()
    assert rows['demonstration'].all()
    assert rows['human'].all()
    assert rows['terminated'].tolist() == [False] * (len(rows) - 1) + [True]
    assert run.replay_buffer.replay == 0


def test_every_step_is_stored_with_its_mode(run):
    run.add_demonstration()
    before = len(run.replay_buffer)
    results = [run.rollout(index) for index in range(3)]
    rows = run.transitions()[before:]
    assert len(rows) == sum(one.steps for one in results) == len(run.replay_buffer) - before
    interventions = sum(one.intervention_steps for one in results)
    assert rows['human'].sum() == interventions == results[0].intervention_steps > 0
    assert not rows['demonstration'].any()
    assert run.replay_buffer.demonstrations == before + results[0].intervention_steps


def test_success_terminates_an_episode_and_the_horizon_truncates_it(run):
    run.add_demonstration()
    before = len(run.replay_buffer)
    with_intervention = run.rollout(0)
    assert with_intervention.predicted_success
    assert with_intervention.success
    last = run.transitions()[before:][-1]
    assert last['terminated']
    assert last['reward'] == pytest.approx(1.0 - last['potential'])
    alone = run.rollout(1)
    if not alone.predicted_success:
        assert alone.steps == 20
        last = run.transitions()[-1]
        assert last['truncated']
        assert not last['terminated']
    outcomes = [one.outcome for one in run.reward_model.episodes if one.phase is Phase.ENDED]
    assert outcomes[:2] == [Outcome.SUCCESS, Outcome.SUCCESS]


def test_every_step_is_followed_by_updates(run):
    run.add_demonstration()
    list(run.pretrain())
    result = run.rollout(0)
    assert run.agent.updates == 3 + result.steps
    assert np.isfinite(list(run.trainer.metrics.values())).all()


def test_evaluation_stores_and_learns_nothing(run):
    run.add_demonstration()
    stored, weights = len(run.transitions()), run.agent.state_dict()
    results = run.evaluate(3, True)
    assert [one.index for one in results] == [0, 1, 2]
    assert len(run.transitions()) == stored
    assert all((value == weights[name]).all() for name, value in run.agent.state_dict().items())


def test_an_interrupted_run_continues_as_if_it_had_not_been(tmp_path):
    ends = []
    for name in ('uninterrupted', 'interrupted'):
        folder = tmp_path / name
        run = SmallRun(folder)
        run.add_demonstration()
        run.rollout(0)
        path = folder / 'checkpoint'
        run.trainer.save(path, run.normalizer, {'a': 1}, {'rollouts': 1})
        if name == 'interrupted':
            run.close()
            run = SmallRun(folder, seed=99)
            assert run.trainer.restore(path, {'a': 1})[1]['rollouts'] == 1
        result = run.rollout(1)
        ends.append((result, run.agent.state_dict()))
        run.close()
    (result, state), (again, resumed) = ends
    assert result == again
    assert all((resumed[name] == value).all() for name, value in state.items())


def test_another_configuration_is_refused_by_its_name(run, tmp_path):
    path = tmp_path / 'checkpoint'
    run.trainer.save(path, run.normalizer, {'gamma': 0.9}, {})
    with pytest.raises(CheckpointError, match=r'gamma is 0.9 in the file, 0.8 here'):
        run.trainer.restore(path, {'gamma': 0.8})


def test_reward_baselines():
    parameters = RewardParameters(gamma=0.9)
    step = (0, PERIOD, 0.2, 0.5, parameters)
    assert REWARDS['sparse'](*step).reward == 0.0
    assert REWARDS['absolute'](*step).reward == 0.5
    assert REWARDS['scaled'](*step).reward == pytest.approx(0.05)
    assert REWARDS['shaped'] is step_reward
    for reward in REWARDS.values():
        done = reward(*step, Outcome.SUCCESS)
        assert done.success == 1.0
        assert done.terminated
        assert done.reward == pytest.approx(1.0 - 0.2 * (reward is step_reward))


def test_no_target_is_below_the_monte_carlo_return(run):
    run.add_demonstration()
    batch = run.replay_buffer.sample(16, np.random.default_rng(0))
    plain, floored = (
        Objectives(
            run.agent.networks,
            replace(AGENT, bound_targets_by_returns=bounded),
            NoiseSource(torch.Generator().manual_seed(0)),
        ).td_target(batch, 1)
        for bounded in (False, True)
    )
    assert (plain < batch.returns).any()
    torch.testing.assert_close(floored, torch.maximum(plain, batch.returns))


def test_a_small_task_is_learned(tmp_path):
    run = SmallRun(tmp_path, updates_per_step=4, batch_size=32, pretraining_steps=50)
    run.add_demonstration()
    list(run.pretrain())
    for index in range(8):
        run.rollout(index)
    alone = run.evaluate(4, False)
    assert all(one.success for one in alone)
    run.close()
