"""Losses put together from networks and noise, against NumPy; which actions meet which states."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from fake_batches import FixedNoise, make_batch
from reference_losses import (
    STEP,
    consistent,
    critic,
    gaussian,
    karras,
    linear,
    log_sum_exp,
    relu,
    trunk,
)

from robo_dopamine_ros.learning.config import AgentConfig, CalQlConfig, ConRftConfig, Stage
from robo_dopamine_ros.learning.networks import AgentNetworks
from robo_dopamine_ros.learning.objectives import Objectives

B, SEEN, A, N = 3, 4, 2, 2
SMALL = AgentConfig(
    'sac',
    reward_scale=1.0,
    critics=3,
    target_critics=2,
    width=4,
    temperature=0.3,
    target_entropy=-0.5,
)
DRAWN = (1, 2)  # heads that the noise pick for a target


@pytest.fixture(autouse=True)
def doubles():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(5)
    yield
    torch.set_default_dtype(torch.float32)


class World:
    """Networks with targets of their own, a batch and noise, as tensors and as arrays."""

    def __init__(self, parameters):
        self.config = parameters
        self.networks = AgentNetworks(SEEN, A, parameters)
        with torch.no_grad():  # a policy and targets that matter, not those of the start
            for name, value in self.networks.named_parameters():
                if value.dim() > 1 or name.startswith('target'):
                    value.add_(0.3 * torch.randn(value.shape))
        self.batch = make_batch(B, SEEN, A, gripper_toggles=torch.tensor([0.0, 1.0, 0.0]))
        self.noise = FixedNoise()
        self.objectives = Objectives(self.networks, parameters, self.noise)
        self.arrays = {
            f.name: getattr(self.batch, f.name).numpy() for f in dataclasses.fields(self.batch)
        }

    def weights(self):
        return {k: v.detach().numpy().copy() for k, v in self.networks.state_dict().items()}

    def act(self, weights, observation, noise):
        if self.config.algorithm == 'conrft':
            levels = self.config.conrft
            most = levels.sigma_max
            return consistent(weights, observation, most * noise, most, levels), 0.0
        return gaussian(weights, observation, noise)

    def target(self, weights, b, count):
        """y of one transition with the best of `count` next actions."""
        s, noise = self.arrays['next_observations'][b], self.noise.normal(count, B, A).numpy()
        found = []
        for n in range(count):
            action, density = self.act(weights, s, noise[n, b])
            found.append((min(critic(weights, 'target', k, s, action) for k in DRAWN), density))
        value, density = max(found)
        if self.config.backup_entropy:
            value -= math.exp(weights['log_temperature']) * density
        row = {k: self.arrays[k][b] for k in ('rewards', 'discounts', 'masks')}
        y = row['rewards'] + row['discounts'] * row['masks'] * value
        return max(y, self.arrays['returns'][b]) if self.config.bound_targets_by_returns else y

    def q(self, weights, b, head, action=None):
        action = self.arrays['actions'][b] if action is None else action
        return critic(weights, 'critic', head, self.arrays['observations'][b], action)

    def sampled(self, weights, b, head):
        """Values at s of random, own and next actions, with the log densities of the latter."""
        noise, uniform = self.noise.normal(N, B, A).numpy(), self.noise.uniform(N, B, A).numpy()
        random = [self.q(weights, b, head, uniform[n, b]) for n in range(N)]
        own = []
        for kind in ('observations', 'next_observations'):
            for n in range(N):
                action, density = self.act(weights, self.arrays[kind][b], noise[n, b])
                own.append((self.q(weights, b, head, action), density))
        return random, own


def compare(world, loss, expected, names):
    """Value and gradients: of a few elements of every parameter whose name begins so."""
    weights = world.weights()
    assert loss.item() == pytest.approx(expected(weights), rel=1e-9)
    learned = [(k, v) for k, v in world.networks.named_parameters() if k.startswith(names)]
    gradients = torch.autograd.grad(loss, [v for _, v in learned], allow_unused=True)
    rng = np.random.default_rng(1)
    for (name, value), gradient in zip(learned, gradients, strict=True):
        found = np.zeros(value.shape) if gradient is None else gradient.numpy()
        index = tuple(rng.integers(size) for size in value.shape)
        moved = [world.weights() for _ in range(2)]
        moved[0][name][index] += STEP
        moved[1][name][index] -= STEP
        slope = (expected(moved[0]) - expected(moved[1])) / (2 * STEP)
        assert found[index] == pytest.approx(slope, rel=1e-4, abs=1e-7), name


def fixed_targets(world, count):
    weights = world.weights()
    return [world.target(weights, b, count) for b in range(B)]


def td(world, weights, targets):
    return sum(
        (world.q(weights, b, head) - targets[b]) ** 2 / B for head in range(3) for b in range(B)
    )


@pytest.mark.parametrize('option', ['', 'backup_entropy', 'bound_targets_by_returns'])
def test_critics_of_sac(option):
    world = World(dataclasses.replace(SMALL, **({option: True} if option else {})))
    loss, info = world.objectives.critic_loss(world.batch, Stage.ONLINE)
    targets = fixed_targets(world, 1)
    compare(world, loss, lambda weights: td(world, weights, targets), 'critic')
    assert info['td'].item() == pytest.approx(loss.item() / 3)
    assert info['target'].item() == pytest.approx(np.mean(targets))
    floor = world.arrays['returns'] == targets
    assert floor.any() == (option == 'bound_targets_by_returns')
    assert not floor.all()


@pytest.mark.parametrize('importance', [True, False])
@pytest.mark.parametrize('lagrange', [True, False])
def test_critics_of_cal_ql(importance, lagrange):
    own = CalQlConfig(
        offline=0.7, samples=N, importance_sampling=importance, lagrange=lagrange, target_gap=0.4
    )
    world = World(dataclasses.replace(SMALL, algorithm='calql', calql=own))
    loss, info = world.objectives.critic_loss(world.batch, Stage.OFFLINE)
    targets, bounds = fixed_targets(world, N), world.arrays['returns']

    def difference(weights, head, b):
        random, sampled = world.sampled(weights, b, head)
        held = [(max(q, bounds[b]), density) for q, density in sampled]
        q = world.q(weights, b, head)
        if importance:
            values = [q - A * math.log(0.5) for q in random]
            return log_sum_exp(values + [value - density for value, density in held]) - q
        return log_sum_exp([*random, q, *(value for value, _ in held)]) - q

    multiplier = math.exp(1.0) if lagrange else 1.0

    def expected(weights):
        total = td(world, weights, targets)
        means = [sum(difference(weights, k, b) for b in range(B)) / B for k in range(3)]
        gap = 0.4 if lagrange else 0.0
        return total + sum(multiplier * 0.7 * (mean - gap) for mean in means)

    if lagrange:  # its multiplier's own loss is a third term, constant for the critics
        weights = world.weights()
        means = [sum(difference(weights, k, b) for b in range(B)) / B for k in range(3)]
        price = -sum(multiplier * 0.7 * (mean - 0.4) for mean in means) / 3
        (slope,) = torch.autograd.grad(loss, [world.networks.log_multiplier], retain_graph=True)
        assert slope.item() == pytest.approx(price)
        loss = loss - price
    compare(world, loss, expected, 'critic')
    below = [
        q < bounds[b]
        for k in range(3)
        for b in range(B)
        for q, _ in world.sampled(world.weights(), b, k)[1]
    ]
    assert info['bound_rate'].item() == pytest.approx(np.mean(below))
    assert 0.0 < np.mean(below) < 1.0


@pytest.mark.parametrize('stage', list(Stage))
def test_critics_of_conrft(stage):
    own = ConRftConfig(conservative_weight=0.3, samples=N, sigma_max=3.0)
    world = World(dataclasses.replace(SMALL, algorithm='conrft', conrft=own))
    loss, _ = world.objectives.critic_loss(world.batch, stage)
    targets, bounds = fixed_targets(world, 1), world.arrays['returns']

    def expected(weights):
        total = td(world, weights, targets)
        for head in range(3):
            for b in range(B if stage is Stage.OFFLINE else 0):
                random, sampled = world.sampled(weights, b, head)
                values = [max(q, bounds[b]) for q in (*random, *(q for q, _ in sampled))]
                q = world.q(weights, b, head)
                mean = log_sum_exp([*values, q]) - math.log(3 * N + 1)
                total += 0.3 * (mean - q) / B
        return total

    compare(world, loss, expected, 'critic')


def test_conservative_term_on_a_share_of_the_batch_is_that_of_these_rows():
    whole = World(
        dataclasses.replace(
            SMALL, algorithm='calql', calql=CalQlConfig(samples=N, batch_fraction=0.7)
        )
    )
    p = whole.config
    rows = slice(B - 2, B)  # round(0.7 * 3), as the noise pick them
    cut = {k: torch.from_numpy(v[rows]) for k, v in whole.arrays.items()}
    part = dataclasses.replace(whole.batch, **cut)

    def term(batch, share):
        weight = dataclasses.replace(p, calql=dataclasses.replace(p.calql, batch_fraction=share))
        none = dataclasses.replace(
            p, calql=dataclasses.replace(p.calql, batch_fraction=share, online=0.0)
        )
        losses = [
            Objectives(whole.networks, q, whole.noise).critic_loss(batch, Stage.ONLINE)[0]
            for q in (weight, none)
        ]
        return (losses[0] - losses[1]).item()

    assert term(whole.batch, 0.7) == pytest.approx(term(part, 1.0), rel=1e-9)


@pytest.mark.parametrize('values', ['mean', 'min'])
def test_gaussian_actor(values):
    world = World(
        dataclasses.replace(
            SMALL, actor_q_reduction=values, imitation_offline=0.6, algorithm='calql'
        )
    )
    loss, info = world.objectives.actor_loss(world.batch, Stage.OFFLINE)
    noise, reduce = world.noise.normal(B, A).numpy(), {'mean': np.mean, 'min': min}[values]
    shown = world.arrays['demonstrated']
    assert 0 < shown.sum() < B
    start = world.weights()
    densities = [gaussian(start, world.arrays['observations'][b], noise[b])[1] for b in range(B)]
    temperature = math.exp(start['log_temperature'])

    def expected(weights):
        total = 0.0
        for b in range(B):
            s, a = world.arrays['observations'][b], world.arrays['actions'][b]
            action, density = gaussian(weights, s, noise[b])
            q = reduce([critic(start, 'critic', k, s, action) for k in range(3)])
            mode = gaussian(weights, s, np.zeros(A))[0]
            total += (temperature * density - q) / B
            total += 0.6 * shown[b] * np.mean((mode - a) ** 2) / shown.sum()
            total -= math.exp(weights['log_temperature']) * (densities[b] - 0.5 * A) / B
        return total

    compare(world, loss, expected, ('actor', 'log_temperature'))
    assert info['entropy'].item() == pytest.approx(-np.mean(densities))


@pytest.mark.parametrize(('stage', 'imitating', 'valuing'), [(0, 0.9, 0.2), (1, 0.4, 0.8)])
def test_consistency_actor(stage, imitating, valuing):
    own = ConRftConfig(
        imitation_offline=0.9, value_offline=0.2, imitation_online=0.4, value_online=0.8,
        scales=6, sigma_max=3.0,
    )  # fmt: skip
    world = World(dataclasses.replace(SMALL, algorithm='conrft', conrft=own))
    loss, _ = world.objectives.actor_loss(world.batch, Stage(stage))
    noise, index = world.noise.normal(B, A).numpy(), world.noise.integers(5, B).tolist()
    start = world.weights()

    def expected(weights):
        total = 0.0
        for b in range(B):
            s, a = world.arrays['observations'][b], world.arrays['actions'][b]
            level = karras(index[b], own)
            clean = consistent(weights, s, a + level * noise[b], level, own)
            weight = level**-2 + own.sigma_data**-2
            total += imitating * weight * np.mean((clean - a) ** 2) / B
            action = consistent(weights, s, own.sigma_max * noise[b], own.sigma_max, own)
            total -= (
                valuing * np.mean([critic(start, 'critic', k, s, action) for k in range(3)]) / B
            )
        return total

    compare(world, loss, expected, 'actor')


def test_critic_of_the_gripper():
    world = World(dataclasses.replace(SMALL, gripper=True, gripper_penalty=0.2, reward_scale=2.0))
    loss, info = world.objectives.critic_loss(world.batch, Stage.ONLINE)
    rows = world.arrays

    def values(weights, name, s):
        return linear(weights, f'{name}.values', trunk(weights, f'{name}.trunk', s, None, relu))

    start, targets = world.weights(), []
    for b in range(B):
        s = rows['next_observations'][b]
        best = int(np.argmax(values(start, 'gripper', s)))
        follows = rows['discounts'][b] * rows['masks'][b]
        value = values(start, 'gripper_target', s)[best]
        targets.append(rows['rewards'][b] - 0.4 * rows['gripper_toggles'][b] + follows * value)

    def expected(weights):
        return sum(
            (values(weights, 'gripper', rows['observations'][b])[rows['gripper'][b]] - targets[b])
            ** 2
            / B
            for b in range(B)
        )

    assert loss.item() > info['gripper'].item()
    compare(world, info['gripper'], expected, 'gripper.')
