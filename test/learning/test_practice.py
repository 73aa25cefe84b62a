"""Practice on a small world: what is kept, who drove, how episodes end, how it goes on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from robo_dopamine_ros.data.steps import Steps
from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.critics import td_target
from robo_dopamine_ros.learning.draws import Draws
from robo_dopamine_ros.learning.experience import Experience
from robo_dopamine_ros.learning.halt import put_away, take_up
from robo_dopamine_ros.learning.observation import Observer, Standard
from robo_dopamine_ros.learning.parameters import AgentParameters, CalQl
from robo_dopamine_ros.learning.practice import Practice, PracticeParameters
from robo_dopamine_ros.learning.pupil import Pupil
from robo_dopamine_ros.learning.rewards import REWARDS
from robo_dopamine_ros.learning.sealing import SealingParameters
from robo_dopamine_ros.learning.steps import Scale, Sizes
from robo_dopamine_ros.learning.tail import Tail
from robo_dopamine_ros.learning.trial import evaluate
from robo_dopamine_ros.reward.shaping import RewardParameters, step_reward
from robo_dopamine_ros.types import SECOND, Mode, Outcome, Phase, Progress, Views

PERIOD = SECOND // 10
GOAL, START = 0.8, -0.8
SIZES = Sizes(features=1, state=1)
AGENT = AgentParameters(
    width=16, critics=2, calql=CalQl(online=0.0, samples=2, max_backup=False), earned=True
)
SCALE = Scale(axes=('x',))


class Line:
    """A point on a line; its picture is one pixel, as bright as it is far."""

    def __init__(self):
        self.now, self.x = SECOND, START

    def reset(self, seed):
        self.now, self.x = self.now + SECOND, START
        return self.glance()

    def act(self, action):
        self.now, self.x = self.now + PERIOD, float(np.clip(self.x + 0.2 * action[0], -1, 1))
        return self.glance()

    def glance(self):
        pixel = np.full((1, 1, 3), round(127 * (self.x + 1)), np.uint8)
        return Views({'front': pixel}, {'front': self.now}), np.array([self.x], np.float32)

    @property
    def succeeded(self):
        return self.x > GOAL


def place_of(views):
    return views.images['front'][0, 0, 0] / 127.0 - 1.0


class Eye:
    """Progress is how far the pixel says the point is."""

    def __init__(self):
        self.words = []

    def follow(self, episode):
        self.words.append(episode)

    def look(self, views):
        progress = float(np.clip((place_of(views) - START) / (GOAL - START), 0, 1))
        name = self.words[-1].id
        return Progress(views.stamp, name, 1, '', progress, valid=True, confidence=1.0,
                        success_candidate=progress >= 1.0)  # fmt: skip


class Pusher:
    """Drives in the first rollout, from its third step on."""

    def begin(self, rollout):
        self.steps = 0 if rollout == 0 else -1000

    def wish(self):
        self.steps += 1
        return np.ones(1, np.float32) if self.steps > 2 else None


class Bench:
    """Everything of one practice in a folder."""

    def __init__(self, folder, agent=AGENT, seed=0, reward='shaped', **parameters):
        store = folder / 'experience.db'
        self.place, self.judge = Line(), Eye()
        self.standard = Standard(np.zeros(1, np.float32), np.ones(1, np.float32))
        self.observer = Observer(lambda v: np.array([place_of(v)]), self.standard)
        self.experience = Experience(
            store, SIZES, SealingParameters(reward=RewardParameters(gamma=0.9)), REWARDS[reward]
        )
        given = {'horizon': 20, 'updates': 1, 'batch': 8, 'pretraining': 3, **parameters}
        plan = PracticeParameters(scale=SCALE, **given)
        self.pupil = Pupil.make(store, SCALE, agent, plan.batch, seed)
        self.agent, self.memory = self.pupil.agent, self.pupil.memory
        self.practice = Practice(
            *(self.place, self.judge, self.observer, self.pupil, self.experience, plan, 'run')
        )
        self.person = Pusher()

    def teach(self):
        count = 8
        states = np.linspace(START, GOAL, count + 1, dtype=np.float32)[:, None]
        twists = np.zeros((count, 6), np.float32)
        twists[:, 0] = 0.1
        steps = Steps(np.arange(count + 1) * PERIOD, states, twists, np.zeros(count),
                      np.full(count, int(Mode.HUMAN)))  # fmt: skip
        pixels = (np.full((1, 1, 3), round(127 * (x + 1)), np.uint8) for x in states[:, 0])
        self.practice.teach('demo', steps, (Views({'front': p}, {'front': 0}) for p in pixels))

    def pretrain(self):
        return self.pupil.pretrain(self.practice.parameters.pretraining)

    def close(self):
        self.experience.close()

    def rows(self):
        """Everything sealed, read as another process would."""
        return Tail(self.experience._store.path).read().transitions


@pytest.fixture
def bench(tmp_path):
    one = Bench(tmp_path)
    yield one
    one.close()


def test_a_demonstration_is_learned_from_before_practice(bench):
    bench.teach()
    assert list(bench.pretrain()) == [1, 2, 3]
    rows = bench.rows()
    assert rows['demonstration'].all()
    assert rows['human'].all()
    assert rows['terminated'].tolist() == [False] * (len(rows) - 1) + [True]
    assert bench.memory.replay == 0


def test_every_step_is_kept_and_who_drove_it(bench):
    bench.teach()
    before = len(bench.memory)
    told = [bench.practice.rollout(number, number, bench.person) for number in range(3)]
    rows = bench.rows()[before:]
    assert len(rows) == sum(one.steps for one in told) == len(bench.memory) - before
    assert rows['human'].sum() == sum(one.helped for one in told) == told[0].helped > 0
    assert not rows['demonstration'].any()
    assert bench.memory.demonstrations == before + told[0].helped


def test_the_judge_ends_an_episode_and_pays_the_horizon_cuts_it(bench):
    bench.teach()
    before = len(bench.memory)
    helped = bench.practice.rollout(0, 0, bench.person)
    assert helped.proposed
    assert helped.success
    last = bench.rows()[before:][-1]
    assert last['terminated']
    assert last['reward'] == pytest.approx(1.0 - last['potential'])
    alone = bench.practice.rollout(1, 1, bench.person)
    if not alone.proposed:
        assert alone.steps == 20
        last = bench.rows()[-1]
        assert last['truncated']
        assert not last['terminated']
    outcomes = [word.outcome for word in bench.judge.words if word.phase is Phase.ENDED]
    assert outcomes[:2] == [Outcome.SUCCESS, Outcome.SUCCESS]


def test_every_step_learns(bench):
    bench.teach()
    list(bench.pretrain())
    told = bench.practice.rollout(0, 0, bench.person)
    assert bench.agent.updates == 3 + told.steps
    assert np.isfinite(list(bench.pupil.told.values())).all()


def test_evaluation_keeps_and_learns_nothing(bench):
    bench.teach()
    kept, weights = len(bench.rows()), bench.agent.state()
    told = list(evaluate(bench.place, bench.judge, bench.observer, bench.agent, range(3), True, 5))
    assert [one.number for one in told] == [0, 1, 2]
    assert len(bench.rows()) == kept
    assert all((value == weights[name]).all() for name, value in bench.agent.state().items())


def test_practice_that_stopped_goes_on_as_if_it_had_not(tmp_path):
    ends = []
    for name in ('through', 'stopped'):
        folder = tmp_path / name
        bench = Bench(folder)
        bench.teach()
        bench.practice.rollout(0, 0, bench.person)
        path = folder / 'checkpoint'
        put_away(path, bench.pupil, bench.standard, {'a': 1}, {'rollouts': 1})
        if name == 'stopped':
            bench.close()
            bench = Bench(folder, seed=99)
            assert take_up(path, bench.pupil, {'a': 1}).facts['rollouts'] == 1
        told = bench.practice.rollout(1, 1, bench.person)
        ends.append((told, bench.agent.state()))
        bench.close()
    (told, state), (again, resumed) = ends
    assert told == again
    assert all((resumed[name] == value).all() for name, value in state.items())


def test_another_configuration_is_refused_by_its_name(bench, tmp_path):
    path = tmp_path / 'checkpoint'
    put_away(path, bench.pupil, bench.standard, {'gamma': 0.9}, {})
    with pytest.raises(CheckpointError, match=r'gamma is 0.9 in the file, 0.8 here'):
        take_up(path, bench.pupil, {'gamma': 0.8})


def test_rewards_to_compare_with_pay_what_they_say():
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


def test_no_target_is_below_what_was_earned(bench):
    bench.teach()
    batch = bench.memory.sample(16, np.random.default_rng(0))
    plain, floored = (
        td_target(
            bench.agent.networks, batch, replace(AGENT, earned=earned), 1,
            Draws(torch.Generator().manual_seed(0)),
        )
        for earned in (False, True)
    )  # fmt: skip
    assert (plain < batch.returns).any()
    torch.testing.assert_close(floored, torch.maximum(plain, batch.returns))


def test_a_small_task_is_learned(tmp_path):
    bench = Bench(tmp_path, updates=4, batch=32, pretraining=50)
    bench.teach()
    list(bench.pretrain())
    for number in range(8):
        bench.practice.rollout(number, number, bench.person)
    alone = evaluate(bench.place, bench.judge, bench.observer, bench.agent, range(4), False, 20)
    assert all(one.success for one in alone)
    bench.close()
