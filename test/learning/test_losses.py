"""Every loss against its formula in loops, gradients by finite differences; laws beside."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_losses import agree, log_sum_exp

from robo_dopamine_ros.experience.types import (
    GripperCommand,
    decode_gripper,
    encode_gripper,
    gripper_toggles,
)
from robo_dopamine_ros.learning import losses
from robo_dopamine_ros.learning.losses import SampledQValues

E, N, B, A = 3, 4, 5, 2
RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape)


def test_next_values():
    def theirs(q, log_probability):
        out = []
        for b in range(B):
            lowest = [min(q[e, n, b] for e in range(E)) for n in range(N)]
            best = lowest.index(max(lowest))
            out.append(lowest[best] - 0.3 * log_probability[best, b])
        return np.array(out)

    agree(
        lambda q, log_probability: losses.next_values(q, log_probability, 0.3),
        theirs,
        {'q': normal(E, N, B), 'log_probability': normal(N, B)},
    )


def test_one_next_action_is_the_backup_of_sac():
    q, log_probability = torch.randn(E, 1, B), torch.randn(1, B)
    expected = q.min(0).values[0] - 0.2 * log_probability[0]
    assert torch.equal(losses.next_values(q, log_probability, 0.2), expected)


def test_more_heads_never_raise_a_target_and_more_actions_never_lower_it():
    q = torch.randn(8, 6, B)
    none = torch.zeros(6, B)
    by_heads = [losses.next_values(q[:k], none, 0.0) for k in range(1, 9)]
    assert all((a >= b).all() for a, b in zip(by_heads, by_heads[1:], strict=False))
    by_actions = [losses.next_values(q[:, :k], none[:k], 0.0) for k in range(1, 7)]
    assert all((a <= b).all() for a, b in zip(by_actions, by_actions[1:], strict=False))


def test_td_target_and_loss():
    def theirs(q, rewards, discounts, masks, values):
        total = 0.0
        for e in range(E):
            for b in range(B):
                y = rewards[b] + discounts[b] * masks[b] * values[b]
                total += (q[e, b] - y) ** 2 / B
        return total

    agree(
        lambda q, **of_target: losses.td_loss(q, losses.td_target(**of_target)),
        theirs,
        {
            'q': normal(E, B),
            'rewards': normal(B),
            'discounts': RNG.uniform(0.8, 1.0, B),
            'masks': np.array([1.0, 0.0, 1.0, 1.0, 0.0]),
            'values': normal(B),
        },
    )


def test_actor_loss():
    def theirs(q, log_probability):
        return sum(0.2 * log_probability[b] - q[b] for b in range(B)) / B

    agree(
        lambda q, log_probability: losses.actor_loss(q, log_probability, 0.2),
        theirs,
        {'q': normal(B), 'log_probability': normal(B)},
    )


def test_temperature_loss():
    def theirs(temperature, log_probability):
        return -sum(temperature * (log_probability[b] - 1.5) for b in range(B)) / B

    agree(
        lambda temperature, log_probability: losses.temperature_loss(
            temperature, log_probability, -1.5
        ),
        theirs,
        {'temperature': np.array(0.3), 'log_probability': normal(B)},
        constants=['log_probability'],
    )


def test_temperature_rises_only_while_the_entropy_is_below_its_target():
    for log_probability, sign in ((5.0, -1), (-5.0, 1)):
        temperature = torch.tensor(0.1, requires_grad=True)
        losses.temperature_loss(temperature, torch.full((B,), log_probability), 1.0).backward()
        assert temperature.grad.sign() == sign  # descent goes the other way


def test_consistency_loss():
    def theirs(denoised, actions, noise_level):
        total = 0.0
        for b in range(B):
            error = sum((denoised[b, i] - actions[b, i]) ** 2 for i in range(A)) / A
            total += (1 / noise_level[b] ** 2 + 1 / 0.5**2) * error / B
        return total

    agree(
        lambda denoised, actions, noise_level: losses.consistency_loss(
            denoised, actions, noise_level, 0.5
        ),
        theirs,
        {
            'denoised': normal(B, A),
            'actions': normal(B, A),
            'noise_level': RNG.uniform(0.1, 9.0, B),
        },
    )


def test_imitation_loss():
    demonstrated = np.array([1.0, 0.0, 1.0, 0.0, 1.0])

    def theirs(mode, actions):
        shown = [b for b in range(B) if demonstrated[b]]
        errors = [sum((mode[b, i] - actions[b, i]) ** 2 for i in range(A)) / A for b in shown]
        return sum(errors) / len(shown)

    agree(
        lambda mode, actions: losses.imitation_loss(mode, actions, torch.from_numpy(demonstrated)),
        theirs,
        {'mode': normal(B, A), 'actions': normal(B, A)},
    )
    nobody = losses.imitation_loss(torch.ones(B, A), torch.zeros(B, A), torch.zeros(B))
    assert nobody == 0.0


def kinds(**changes):
    drawn = {name: normal(E, N, B) for name in ('random', 'current', 'following')}
    return {**drawn, 'q': normal(E, B), 'bounds': normal(B), **changes}


@pytest.mark.parametrize('temperature', [1.0, 0.4])
def test_calql_without_importance(temperature):
    def theirs(random, current, following, q, bounds):
        out = np.zeros((E, B))
        for e in range(E):
            for b in range(B):
                values = [random[e, n, b] for n in range(N)] + [q[e, b]]
                values += [max(following[e, n, b], bounds[b]) for n in range(N)]
                values += [max(current[e, n, b], bounds[b]) for n in range(N)]
                out[e, b] = log_sum_exp(values, temperature) - q[e, b]
        return out

    agree(
        lambda random, current, following, q, bounds: losses.calql_difference(
            SampledQValues(random, current, following), q, bounds, temperature
        ),
        theirs,
        kinds(),
    )


@pytest.mark.parametrize('temperature', [1.0, 0.4])
def test_calql_with_importance(temperature):
    def theirs(random, current, following, q, bounds, log_current, log_following):
        out = np.zeros((E, B))
        for e in range(E):
            for b in range(B):
                values = [random[e, n, b] - math.log(0.5**A) for n in range(N)]
                for n in range(N):
                    values.append(max(following[e, n, b], bounds[b]) - log_following[n, b])
                    values.append(max(current[e, n, b], bounds[b]) - log_current[n, b])
                out[e, b] = log_sum_exp(values, temperature) - q[e, b]
        return out

    agree(
        lambda random, current, following, q, bounds, log_current, log_following: (
            losses.calql_weighted_difference(
                SampledQValues(random, current, following),
                log_current,
                log_following,
                q,
                bounds,
                A,
                temperature,
            )
        ),
        theirs,
        kinds(log_current=normal(N, B), log_following=normal(N, B)),
    )


def test_conrft():
    def theirs(random, current, following, q, bounds):
        out = np.zeros((E, B))
        for e in range(E):
            for b in range(B):
                values = [
                    max(kind[e, n, b], bounds[b])
                    for kind in (random, current, following)
                    for n in range(N)
                ]
                values.append(q[e, b])
                values = [value - math.log(3 * N + 1) for value in values]
                out[e, b] = log_sum_exp(values) - q[e, b]
        return out

    agree(
        lambda random, current, following, q, bounds: losses.conrft_difference(
            SampledQValues(random, current, following), q, bounds
        ),
        theirs,
        kinds(),
    )


def test_ten_samples_are_the_thirty_one_ways_of_conrft():
    sampled = SampledQValues(*torch.zeros(3, 1, 10, 1))
    found = losses.conrft_difference(sampled, torch.tensor([[2.0]]), torch.zeros(1))
    expected = math.log(30 + math.exp(2.0)) - math.log(31) - 2.0
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_conservative_loss_is_clipped_weighted_and_meets_its_gap():
    def theirs(difference):
        total = 0.0
        for e in range(E):
            mean = sum(min(max(difference[e, b], -0.5), 0.8) for b in range(B)) / B
            total += 1.7 * (mean - 0.2)
        return total

    agree(
        lambda difference: losses.conservative_loss(difference, 1.7, 0.2, -0.5, 0.8),
        theirs,
        {'difference': normal(E, B)},
    )


def test_lagrange_loss():
    def theirs(difference, log_multiplier):
        multiplier = min(max(math.exp(log_multiplier), 0.0), 1e6)
        means = [sum(difference[e, b] for b in range(B)) / B for e in range(E)]
        return -sum(multiplier * 1.7 * (mean - 0.2) for mean in means) / E

    agree(
        lambda difference, log_multiplier: losses.lagrange_loss(
            difference, losses.lagrange_multiplier(log_multiplier), 1.7, 0.2
        ),
        theirs,
        {'difference': normal(E, B), 'log_multiplier': np.array(0.4)},
        constants=['difference'],
    )
    assert losses.lagrange_multiplier(torch.tensor(50.0)) == 1e6


def test_gripper_loss_and_target():
    command, flips = np.array([0, 2, 1, 2, 0]), np.array([1.0, 0.0, 0.0, 1.0, 1.0])

    def theirs(values, rewards, following, target_following):
        total = 0.0
        for b in range(B):
            best = max(range(3), key=lambda c: following[b, c])
            y = rewards[b] - 0.05 * flips[b] + 0.9 * (b != 2) * target_following[b, best]
            total += (values[b, command[b]] - y) ** 2 / B
        return total

    def ours(values, rewards, following, target_following):
        masks = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
        y = losses.gripper_target(
            rewards,
            torch.from_numpy(flips),
            0.05,
            torch.full((B,), 0.9, dtype=torch.float64),
            masks,
            following,
            target_following,
        )
        return losses.gripper_loss(values, torch.from_numpy(command), y)

    drawn = {name: normal(B, 3) for name in ('values', 'following', 'target_following')}
    agree(ours, theirs, {**drawn, 'rewards': normal(B)})


def test_a_flip_costs_the_penalty_and_nothing_else_does():
    still = [torch.zeros(B, 3), torch.zeros(B, 3)]
    for flips in (torch.zeros(B), torch.ones(B)):
        y = losses.gripper_target(torch.ones(B), flips, 0.25, torch.ones(B), torch.ones(B), *still)
        assert torch.equal(y, 1.0 - 0.25 * flips)


@pytest.mark.parametrize(
    ('before', 'sent', 'command'),
    [(1.0, 0.0, 'CLOSE'), (0.0, 1.0, 'OPEN'), (1.0, 0.8, 'KEEP'), (0.1, 0.0, 'KEEP')],
)
def test_commands_of_what_was_sent(before, sent, command):
    found = encode_gripper(np.array([before]), np.array([sent]))
    assert GripperCommand(found[0]).name == command
    assert gripper_toggles(np.array([before]), found)[0] == (command != 'KEEP')
    assert decode_gripper(found[0], before) == {'CLOSE': 0.0, 'OPEN': 1.0, 'KEEP': before}[command]


def test_to_close_what_is_closed_is_no_flip():
    close = np.array([GripperCommand.CLOSE])
    assert gripper_toggles(np.array([0.0]), close)[0] == 0.0
    assert gripper_toggles(np.array([1.0]), close)[0] == 1.0


def differences(sampled, q, bounds):
    zeros = torch.zeros(sampled.current.shape[1:])
    yield losses.calql_difference(sampled, q, bounds)
    yield losses.calql_weighted_difference(sampled, zeros, zeros, q, bounds, A)
    yield losses.conrft_difference(sampled, q, bounds)


def leaves(*shape):
    return torch.randn(shape, dtype=torch.float64).requires_grad_()


def test_no_action_is_pushed_below_the_bound():
    """Samples below it get no gradient at all; only Cal-QL's random ones are not calibrated."""
    for which in range(3):
        sampled = SampledQValues(leaves(E, N, B), leaves(E, N, B), leaves(E, N, B))
        high = torch.full((B,), 50.0, dtype=torch.float64)
        found = list(differences(sampled, leaves(E, B), high))[which]
        found.sum().backward()
        assert not sampled.current.grad.any()
        assert not sampled.following.grad.any()
        assert bool(sampled.random.grad.any()) == (which < 2)


def test_a_bound_below_every_value_changes_nothing():
    sampled = SampledQValues(leaves(E, N, B), leaves(E, N, B), leaves(E, N, B))
    q = leaves(E, B)
    low = torch.full((B,), -50.0, dtype=torch.float64)
    plain = torch.full((B,), -math.inf, dtype=torch.float64)
    for a, b in zip(differences(sampled, q, low), differences(sampled, q, plain), strict=True):
        assert torch.equal(a, b)
    assert losses.bound_rate(sampled.all, low) == 0.0


@given(value=st.integers(-20, 20), bound=st.integers(-20, 20))
@settings(deadline=None)
def test_the_term_of_conrft_is_zero_where_it_must_be(value, bound):
    """Where data and samples are one value that the bound does not lift, and only there up."""
    same = SampledQValues(*torch.full((3, E, N, B), value, dtype=torch.float64))
    q = torch.full((E, B), value, dtype=torch.float64)
    bounds = torch.full((B,), bound, dtype=torch.float64)
    found = losses.conrft_difference(same, q, bounds)
    if bound <= value:
        assert found.abs().max() < 1e-12
    else:
        assert (found > 0).all()


@given(shift=st.floats(-30, 30))
@settings(max_examples=25, deadline=None)
def test_only_differences_count(shift):
    sampled = SampledQValues(leaves(E, N, B), leaves(E, N, B), leaves(E, N, B))
    moved = SampledQValues(
        sampled.random + shift, sampled.current + shift, sampled.following + shift
    )
    q, bounds = leaves(E, B), torch.randn(B, dtype=torch.float64)
    for a, b in zip(
        differences(sampled, q, bounds),
        differences(moved, q + shift, bounds + shift),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def test_bound_rate_is_the_share_below():
    q = torch.arange(8.0).view(2, 4, 1)
    for bound, rate in ((0.0, 0.0), (0.5, 1 / 8), (4.0, 0.5), (9.0, 1.0)):
        assert losses.bound_rate(q, torch.tensor([bound])) == rate


def test_a_head_learns_the_same_however_many_there_are():
    q, y, difference = leaves(E, B), torch.randn(B).double(), leaves(E, B)
    (losses.td_loss(q, y) + losses.conservative_loss(difference, 2.0)).backward()
    for head in range(E):
        alone, apart = (x.detach()[head : head + 1].requires_grad_() for x in (q, difference))
        (losses.td_loss(alone, y) + losses.conservative_loss(apart, 2.0)).backward()
        assert torch.equal(alone.grad[0], q.grad[head])
        assert torch.equal(apart.grad[0], difference.grad[head])
