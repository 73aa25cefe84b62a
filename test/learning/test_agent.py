"""The agent: what it promises about chance, targets, resuming, refusing, and that it learns."""

import dataclasses

import numpy as np
import pytest
import torch
from batches import make_batch

from robo_dopamine_ros.learning.agent import Agent
from robo_dopamine_ros.learning.batch import Batch
from robo_dopamine_ros.learning.gripper import Command
from robo_dopamine_ros.learning.parameters import (
    ALGORITHMS,
    AgentParameters,
    CalQl,
    ConRft,
    Stage,
)
from robo_dopamine_ros.learning.policy import Policy
from robo_dopamine_ros.learning.tensors import StateError

SEEN, ACTION = 5, 2
SMALL = AgentParameters(
    critics=3, width=16, gripper=True, calql=CalQl(samples=3), conrft=ConRft(samples=3)
)


def make_agent(algorithm='calql', seed=0, **changes):
    parameters = dataclasses.replace(SMALL, algorithm=algorithm, **changes)
    return Agent(SEEN, ACTION, parameters, seed)


def learn(agent, first, last):
    """Updates on numbered batches, the first three offline; what they told."""
    return [
        agent.update(make_batch(seed=n), Stage.OFFLINE if n < 3 else Stage.ONLINE)
        for n in range(first, last)
    ]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_equal_seeds_give_equal_agents_and_global_chance_stays(algorithm):
    before = torch.random.get_rng_state()
    first, second = make_agent(algorithm), make_agent(algorithm)
    assert learn(first, 0, 5) == learn(second, 0, 5)
    assert same(first.state(), second.state())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not same(first.state(), make_agent(algorithm, seed=1).state())


@pytest.mark.parametrize('algorithm', ALGORITHMS)
@pytest.mark.parametrize('cut', [0, 1, 4])
def test_going_on_from_a_state_is_never_having_stopped(algorithm, cut):
    whole, first = make_agent(algorithm), make_agent(algorithm)
    expected = learn(whole, 0, 7)
    told = learn(first, 0, cut)
    state = first.state()
    learn(first, 9, 11)  # a state is a copy
    second = make_agent(algorithm, seed=9)
    second.load(state)
    assert second.updates == cut
    assert told + learn(second, cut, 7) == expected
    assert same(second.state(), whole.state())


def test_a_state_that_does_not_fit_is_refused_whole():
    agent, other = make_agent(), make_agent(width=8, seed=4)
    before = agent.state()
    with pytest.raises(StateError, match=r'is \(8,\) float32, here \(16,\) float32.* more'):
        agent.load(other.state())
    short = dict(before)
    del short['updates']
    with pytest.raises(StateError, match='updates is missing'):
        agent.load(short)
    with pytest.raises(StateError, match='surplus is not known here'):
        agent.load({**before, 'surplus': torch.zeros(1)})
    assert same(agent.state(), before)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_the_actor_moves_every_few_steps_and_targets_follow(algorithm):
    agent = make_agent(algorithm, actor_every=3, tau=0.25)
    for number in range(1, 7):
        before = agent.state()
        told = agent.update(make_batch(seed=number))
        after = agent.state()
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
    agent = make_agent(algorithm, calql=CalQl(samples=3, lagrange=True))
    before = agent.state()
    learn(agent, 0, 4)
    after = agent.state()
    still = {k for k in before if torch.equal(before[k], after[k])}
    unused = {'log_multiplier'} if algorithm != 'calql' else set()
    unused |= {'log_temperature'} if algorithm == 'conrft' else set()
    assert {k for k in still if not k.startswith('moments.')} == unused


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_the_scale_means_rewards_bounds_and_penalties_alike(algorithm):
    scaled = make_agent(algorithm, reward_scale=8.0, flip_penalty=0.25)
    plain = make_agent(algorithm, reward_scale=1.0, flip_penalty=2.0, temperature=0.08)
    for n in range(4):
        batch, stage = make_batch(seed=n), Stage(n % 2)
        assert scaled.update(batch, stage) == plain.update(batch.scaled(8.0), stage)
    assert same(scaled.state(), plain.state())
    assert torch.equal(batch.scaled(8.0).returns, 8.0 * batch.returns)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_a_published_policy_acts_as_its_agent(algorithm):
    agent = make_agent(algorithm)
    learn(agent, 0, 4)
    policy = Policy.make(SEEN, ACTION, agent.parameters)
    policy.load(agent.policy.state())
    seen = np.linspace(-1, 1, SEEN)
    for explore in (True, False):
        ours = agent.act(seen, explore, chance(7))
        theirs = policy.act(seen, explore, chance(7))
        np.testing.assert_array_equal(ours.action, theirs.action)
        assert ours.gripper == theirs.gripper
        assert ours.gripper in Command
        assert ours.action.shape == (ACTION,)
        assert (abs(ours.action) <= 1.0).all()
    with pytest.raises(StateError, match='is missing'):
        policy.load({})


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_only_exploring_draws(algorithm):
    agent, generator, seen = make_agent(algorithm), chance(), np.zeros(SEEN)
    before = generator.get_state()
    first = agent.act(seen, False, generator).action
    np.testing.assert_array_equal(first, agent.act(seen, False, generator).action)
    assert torch.equal(generator.get_state(), before)
    drawn = [agent.act(seen, True, generator).action for _ in range(3)]
    assert not np.array_equal(drawn[0], drawn[1])


def test_without_a_critic_of_its_own_the_gripper_is_left_alone():
    agent = make_agent(gripper=False)
    assert agent.act(np.zeros(SEEN), True, chance()).gripper is None
    agent.update(make_batch(gripper=None, flips=None))
    with pytest.raises(ValueError, match='the batch must have gripper and flips'):
        make_agent().update(make_batch(gripper=None, flips=None))


def test_what_is_not_an_observation_is_refused():
    agent = make_agent()
    with pytest.raises(ValueError, match=r'shape \(4,\).*must be 5 finite numbers'):
        agent.act(np.zeros(4), True, chance())
    with pytest.raises(ValueError, match='2 numbers of it not finite'):
        agent.act(np.array([0, np.nan, np.inf, 0, 0]), True, chance())


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_a_loss_that_is_not_finite_is_refused_before_it_harms(algorithm):
    agent = make_agent(algorithm)
    before = agent.state()
    with pytest.raises(FloatingPointError, match='loss of the critic is nan'):
        agent.update(make_batch(rewards=torch.full((16,), torch.nan)))
    after = agent.state()
    assert {k for k in before if not torch.equal(before[k], after[k])} <= {'chance'}


def test_flips_cost_their_penalty_at_one_update_per_step():
    """One gradient step for every step of practice, as a learner that keeps pace takes them."""
    agent = make_agent(critic_rate=5e-3, flip_penalty=0.5, algorithm='sac', reward_scale=10.0)
    for step in range(150):
        command = torch.arange(16) % 3
        agent.update(
            make_batch(
                seed=step,
                rewards=torch.full((16,), 0.2),
                masks=torch.zeros(16),
                gripper=command,
                flips=(command == Command.OPEN).float(),
            )
        )
    values = agent.networks.gripper(make_batch(seed=999).observations).mean(0).detach()
    np.testing.assert_allclose(values / 10.0, [0.2, 0.2, 0.2 - 0.5], atol=0.05)  # by its scale


def test_imitation_takes_over_what_people_did():
    agent = make_agent('sac', gripper=False, imitation_online=50.0, actor_rate=3e-3)
    actions = torch.tensor([[0.6, -0.3]]).repeat(16, 1)
    for step in range(300):
        agent.update(make_batch(seed=step, actions=actions))
    found = agent.act(np.zeros(SEEN), False, chance()).action
    np.testing.assert_allclose(found, [0.6, -0.3], atol=0.1)


def reach(count, rng):
    """One-step tasks: the nearer the action to the first two numbers seen, the better."""
    seen = torch.from_numpy(rng.uniform(-0.8, 0.8, (count, SEEN)).astype(np.float32))
    actions = torch.from_numpy(rng.uniform(-1, 1, (count, ACTION)).astype(np.float32))
    rewards = 1.0 - (actions - seen[:, :ACTION]).square().sum(1)
    none, one = torch.zeros(count), torch.ones(count)
    return Batch(seen, actions, rewards, 0.9 * one, none, seen, rewards, none)


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_it_learns_to_reach(algorithm):
    parameters = AgentParameters(
        algorithm, critics=2, width=64, critic_rate=2e-3, actor_rate=2e-3,
        calql=CalQl(samples=2, online=0.05), conrft=ConRft(imitation_online=0.0),
    )  # fmt: skip
    agent, rng = Agent(SEEN, ACTION, parameters), np.random.default_rng(2)

    def miss():
        seen = rng.uniform(-0.8, 0.8, (50, SEEN))
        acted = np.array([agent.act(s, False, chance()).action for s in seen])
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
        ({'subset': 5}, 'subset = 5; there are only 4 critics to draw from'),
        ({'critic_rate': float('nan')}, 'critic_rate = nan; it must be above 0'),
        ({'tau': 1.5}, 'tau = 1.5; it must be at most 1'),
        ({'flip_penalty': -0.1}, 'flip_penalty = -0.1; it must be 0 or more'),
        ({'actor_values': 'max'}, "actor_values = 'max'; it must be mean or min"),
    ],
)
def test_parameters_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=f'^{message}$'):
        AgentParameters(**changes)


@pytest.mark.parametrize(
    ('kind', 'changes', 'message'),
    [
        (CalQl, {'samples': 0}, 'calql.samples = 0; it must be 1 or more'),
        (CalQl, {'share': 1.1}, 'calql.share = 1.1; it must be at most 1'),
        (CalQl, {'lowest': 3.0, 'highest': 1.0}, 'calql.lowest = 3.0, calql.highest = 1.0'),
        (ConRft, {'sigma_min': 0.0}, 'conrft.sigma_min = 0.0, conrft.sigma_max = 80.0'),
        (ConRft, {'scales': 2}, 'conrft.scales = 2; it must be 3 or more'),
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
        ({'flips': None}, 'gripper and flips must be given together'),
        ({'next_observations': torch.zeros(16, 4)}, 'it must be that of observations'),
    ],
)
def test_batches_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_batch(**changes)
