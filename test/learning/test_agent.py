"""The agent: what it promises about chance, targets, resuming, refusing, and that it learns."""

import dataclasses

import numpy as np
import pytest
import torch
from fake_batches import make_batch

from robo_dopamine_ros.checkpoint import StateError
from robo_dopamine_ros.experience.types import GripperCommand
from robo_dopamine_ros.learning.agent import Agent
from robo_dopamine_ros.learning.config import AgentConfig, CalQlConfig, ConRftConfig, Stage
from robo_dopamine_ros.learning.replay_buffer import TransitionBatch
from robo_dopamine_ros.policy.config import ALGORITHMS
from robo_dopamine_ros.policy.networks import Policy

SEEN, ACTION = 5, 2
SMALL = AgentConfig(
    critics=3, width=16, gripper=True, calql=CalQlConfig(samples=3), conrft=ConRftConfig(samples=3)
)


def make_agent(algorithm='calql', seed=0, **changes):
    parameters = dataclasses.replace(SMALL, algorithm=algorithm, **changes)
    return Agent(SEEN, ACTION, parameters, seed)


def learn(agent, first, last):
    """Metrics of updates on numbered batches, the first three offline."""
    return [
        agent.update(make_batch(seed=n), Stage.OFFLINE if n < 3 else Stage.ONLINE)
        for n in range(first, last)
    ]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def make_rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_equal_seeds_give_equal_agents_and_global_chance_stays(algorithm):
    before = torch.random.get_rng_state()
    first, second = make_agent(algorithm), make_agent(algorithm)
    assert learn(first, 0, 5) == learn(second, 0, 5)
    assert same(first.state_dict(), second.state_dict())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not same(first.state_dict(), make_agent(algorithm, seed=1).state_dict())


@pytest.mark.parametrize('algorithm', ALGORITHMS)
@pytest.mark.parametrize('cut', [0, 1, 4])
def test_going_on_from_a_state_is_never_having_stopped(algorithm, cut):
    whole, first = make_agent(algorithm), make_agent(algorithm)
    expected = learn(whole, 0, 7)
    told = learn(first, 0, cut)
    state = first.state_dict()
    learn(first, 9, 11)  # a state is a copy
    second = make_agent(algorithm, seed=9)
    second.load_state_dict(state)
    assert second.updates == cut
    assert told + learn(second, cut, 7) == expected
    assert same(second.state_dict(), whole.state_dict())


def test_a_state_that_does_not_fit_is_refused_whole():
    agent, other = make_agent(), make_agent(width=8, seed=4)
    before = agent.state_dict()
    with pytest.raises(StateError, match=r'is \(8,\) float32, here \(16,\) float32.* more'):
        agent.load_state_dict(other.state_dict())
    short = dict(before)
    del short['updates']
    with pytest.raises(StateError, match='updates is missing'):
        agent.load_state_dict(short)
    with pytest.raises(StateError, match='surplus is not known here'):
        agent.load_state_dict({**before, 'surplus': torch.zeros(1)})
    assert same(agent.state_dict(), before)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_the_actor_moves_every_few_steps_and_targets_follow(algorithm):
    agent = make_agent(algorithm, actor_interval=3, tau=0.25)
    for number in range(1, 7):
        before = agent.state_dict()
        told = agent.update(make_batch(seed=number))
        after = agent.state_dict()
        moved = [
            k for k in after if k.startswith('actor.') and not torch.equal(after[k], before[k])
        ]
        assert bool(moved) == ('actor' in told) == (number % 3 == 0)
        for source, follower in (('critic.', 'target.'), ('gripper.', 'gripper_target.')):
            for key in (k for k in after if k.startswith(source)):
                follows = key.replace(source, follower, 1)
                way = 0.75 * before[follows] + 0.25 * after[key]
                torch.testing.assert_close(after[follows], way, rtol=1e-4, atol=1e-6)
    assert agent.updates == 6


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_all_that_should_learn_does(algorithm):
    agent = make_agent(algorithm, calql=CalQlConfig(samples=3, lagrange=True))
    before = agent.state_dict()
    learn(agent, 0, 4)
    after = agent.state_dict()
    still = {k for k in before if torch.equal(before[k], after[k])}
    unused = {'log_multiplier'} if algorithm != 'calql' else set()
    unused |= {'log_temperature'} if algorithm == 'conrft' else set()
    assert {k for k in still if not k.startswith('moments.')} == unused


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_the_scale_means_rewards_bounds_and_penalties_alike(algorithm):
    scaled = make_agent(algorithm, reward_scale=8.0, gripper_penalty=0.25)
    plain = make_agent(algorithm, reward_scale=1.0, gripper_penalty=2.0, temperature=0.08)
    for n in range(4):
        batch, stage = make_batch(seed=n), Stage(n % 2)
        assert scaled.update(batch, stage) == plain.update(batch.scale_rewards(8.0), stage)
    assert same(scaled.state_dict(), plain.state_dict())
    assert torch.equal(batch.scale_rewards(8.0).returns, 8.0 * batch.returns)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_a_published_policy_acts_as_its_agent(algorithm):
    agent = make_agent(algorithm)
    learn(agent, 0, 4)
    policy = Policy.create(SEEN, ACTION, agent.config)
    policy.load_state_dict(agent.policy.state_dict())
    seen = np.linspace(-1, 1, SEEN)
    for explore in (True, False):
        ours = agent.act(seen, explore, make_rng(7))
        theirs = policy.act(seen, explore, make_rng(7))
        np.testing.assert_array_equal(ours.action, theirs.action)
        assert ours.gripper == theirs.gripper
        assert ours.gripper in GripperCommand
        assert ours.action.shape == (ACTION,)
        assert (abs(ours.action) <= 1.0).all()
    with pytest.raises(StateError, match='is missing'):
        policy.load_state_dict({})


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_only_exploring_draws(algorithm):
    agent, generator, seen = make_agent(algorithm), make_rng(), np.zeros(SEEN)
    before = generator.get_state()
    first = agent.act(seen, False, generator).action
    np.testing.assert_array_equal(first, agent.act(seen, False, generator).action)
    assert torch.equal(generator.get_state(), before)
    drawn = [agent.act(seen, True, generator).action for _ in range(3)]
    assert not np.array_equal(drawn[0], drawn[1])


def test_without_a_critic_of_its_own_the_gripper_is_left_alone():
    agent = make_agent(gripper=False)
    assert agent.act(np.zeros(SEEN), True, make_rng()).gripper is None
    agent.update(make_batch(gripper=None, gripper_toggles=None))
    with pytest.raises(ValueError, match='the batch must have gripper and gripper_toggles'):
        make_agent().update(make_batch(gripper=None, gripper_toggles=None))


def test_what_is_not_an_observation_is_refused():
    agent = make_agent()
    with pytest.raises(ValueError, match=r'shape \(4,\).*must be 5 finite numbers'):
        agent.act(np.zeros(4), True, make_rng())
    with pytest.raises(ValueError, match='2 numbers of it not finite'):
        agent.act(np.array([0, np.nan, np.inf, 0, 0]), True, make_rng())


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_a_loss_that_is_not_finite_is_refused_before_it_harms(algorithm):
    agent = make_agent(algorithm)
    before = agent.state_dict()
    with pytest.raises(FloatingPointError, match='loss of the critic is nan'):
        agent.update(make_batch(rewards=torch.full((16,), torch.nan)))
    after = agent.state_dict()
    assert {k for k in before if not torch.equal(before[k], after[k])} <= {'rng'}


def test_flips_cost_their_penalty_at_one_update_per_step():
    """One gradient step for every environment step."""
    agent = make_agent(
        critic_learning_rate=5e-3, gripper_penalty=0.5, algorithm='sac', reward_scale=10.0
    )
    for step in range(150):
        command = torch.arange(16) % 3
        agent.update(
            make_batch(
                seed=step,
                rewards=torch.full((16,), 0.2),
                masks=torch.zeros(16),
                gripper=command,
                gripper_toggles=(command == GripperCommand.OPEN).float(),
            )
        )
    values = agent.networks.gripper(make_batch(seed=999).observations).mean(0).detach()
    np.testing.assert_allclose(values / 10.0, [0.2, 0.2, 0.2 - 0.5], atol=0.05)  # by its scale


def test_imitation_takes_over_what_people_did():
    agent = make_agent('sac', gripper=False, imitation_online=50.0, actor_learning_rate=3e-3)
    actions = torch.tensor([[0.6, -0.3]]).repeat(16, 1)
    for step in range(300):
        agent.update(make_batch(seed=step, actions=actions))
    found = agent.act(np.zeros(SEEN), False, make_rng()).action
    np.testing.assert_allclose(found, [0.6, -0.3], atol=0.1)


def reach(count, rng):
    """One-step tasks: the nearer the action to the first two numbers seen, the better."""
    seen = torch.from_numpy(rng.uniform(-0.8, 0.8, (count, SEEN)).astype(np.float32))
    actions = torch.from_numpy(rng.uniform(-1, 1, (count, ACTION)).astype(np.float32))
    rewards = 1.0 - (actions - seen[:, :ACTION]).square().sum(1)
    none, one = torch.zeros(count), torch.ones(count)
    return TransitionBatch(seen, actions, rewards, 0.9 * one, none, seen, rewards, none)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_it_learns_to_reach(algorithm):
    parameters = AgentConfig(
        algorithm, critics=2, width=64, critic_learning_rate=2e-3, actor_learning_rate=2e-3,
        calql=CalQlConfig(samples=2, online=0.05), conrft=ConRftConfig(imitation_online=0.0),
    )  # fmt: skip
    agent, rng = Agent(SEEN, ACTION, parameters), np.random.default_rng(2)

    def miss():
        seen = rng.uniform(-0.8, 0.8, (50, SEEN))
        acted = np.array([agent.act(s, False, make_rng()).action for s in seen])
        return np.mean(np.abs(acted - seen[:, :ACTION]))

    before = miss()
    for _ in range(300):
        agent.update(reach(64, rng))
    assert before > 0.3
    assert miss() < 0.12


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'algorithm': 'ppo'}, "algorithm = 'ppo'; it must be one of calql, conrft, sac"),
        ({'target_critics': 5}, 'target_critics = 5; there are only 4 critics to draw from'),
        ({'critic_learning_rate': float('nan')}, 'critic_learning_rate = nan; it must be above 0'),
        ({'tau': 1.5}, 'tau = 1.5; it must be at most 1'),
        ({'gripper_penalty': -0.1}, 'gripper_penalty = -0.1; it must be 0 or more'),
        ({'actor_q_reduction': 'max'}, "actor_q_reduction = 'max'; it must be mean or min"),
    ],
)
def test_parameters_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=f'^{message}$'):
        AgentConfig(**changes)


@pytest.mark.parametrize(
    ('kind', 'changes', 'message'),
    [
        (CalQlConfig, {'samples': 0}, 'calql.samples = 0; it must be 1 or more'),
        (CalQlConfig, {'batch_fraction': 1.1}, 'calql.batch_fraction = 1.1; it must be at most 1'),
        (
            CalQlConfig,
            {'clip_min': 3.0, 'clip_max': 1.0},
            'calql.clip_min = 3.0, calql.clip_max = 1.0',
        ),
        (ConRftConfig, {'sigma_min': 0.0}, 'conrft.sigma_min = 0.0, conrft.sigma_max = 80.0'),
        (ConRftConfig, {'scales': 2}, 'conrft.scales = 2; it must be 3 or more'),
    ],
)
def test_parameters_of_algorithms_too(kind, changes, message):
    with pytest.raises(ValueError, match=f'^{message}'):
        kind(**changes)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'rewards': torch.zeros(16, 1)}, r'rewards has the shape \(16, 1\); it must be \(16,\)'),
        ({'actions': torch.zeros(15, 2)}, r'actions has the shape \(15, 2\); it must be \(16, n\)'),
        ({'masks': torch.ones(16).bool()}, 'masks is of torch.bool; it must be of torch.float32'),
        ({'gripper_toggles': None}, 'gripper and gripper_toggles must be given together'),
        ({'next_observations': torch.zeros(16, 4)}, 'it must be that of observations'),
    ],
)
def test_batches_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_batch(**changes)
