"""What the networks promise: heads apart, densities true, the consistency policy as written."""

import math

import numpy as np
import pytest
import torch
from reference_losses import consistent, critic, gaussian, karras

from robo_dopamine_ros.learning.config import AgentConfig, ConRftConfig
from robo_dopamine_ros.learning.networks import AgentNetworks, CriticEnsemble
from robo_dopamine_ros.policy.networks import (
    ConsistencyActor,
    GaussianActor,
    karras_noise_level,
    sample_squashed,
)

N, B, SEEN, A, WIDTH = 4, 3, 5, 2, 6


@pytest.fixture(autouse=True)
def doubles():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    yield
    torch.set_default_dtype(torch.float32)


def weights_of(module, prefix=''):
    return {prefix + name: value.detach().numpy() for name, value in module.state_dict().items()}


def make_critic(heads=3, depth=2):
    return CriticEnsemble(heads, SEEN, A, WIDTH, depth)


def test_critic_is_the_network_it_says():
    made = make_critic(depth=3)
    observations, actions = torch.randn(B, SEEN), torch.randn(N, B, A)
    found = made(observations, actions)
    weights = weights_of(made, 'critic.')
    for head in range(3):
        for n in range(N):
            for b in range(B):
                expected = critic(
                    weights, 'critic', head, observations[b].numpy(), actions[n, b].numpy()
                )
                assert found[head, n, b].item() == pytest.approx(expected, abs=1e-12)


def test_heads_start_apart_and_share_nothing():
    made, observations, actions = make_critic(), torch.randn(B, SEEN), torch.randn(B, A)
    before = made(observations, actions)
    assert (before[0] != before[1]).all()
    with torch.no_grad():
        for value in made.heads[1].parameters():
            value.add_(1.0)
    after = made(observations, actions)
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.equal(before[1], after[1])
    after[1].sum().backward()
    touched = [any(p.grad.any().item() for p in head.parameters()) for head in made.heads]
    assert touched == [False, True, False]
    pointers = [p.data_ptr() for p in made.parameters()]
    assert len(set(pointers)) == len(pointers)


def test_chosen_heads_and_many_actions_give_what_one_at_a_time_gives():
    made, observations, actions = make_critic(), torch.randn(B, SEEN), torch.randn(N, B, A)
    whole = made(observations, actions)
    assert whole.shape == (3, N, B)
    torch.testing.assert_close(made(observations, actions, [2, 0]), whole[[2, 0]])
    for n in range(N):
        torch.testing.assert_close(made(observations, actions[n]), whole[:, n])


def test_gaussian_actor_is_the_network_it_says():
    made = GaussianActor(SEEN, A, WIDTH, 2)
    observations, noise = torch.randn(B, SEEN), torch.randn(N, B, A)
    actions, log_probability = sample_squashed(made(observations), noise)
    for n in range(N):
        for b in range(B):
            action, density = gaussian(
                weights_of(made, 'actor.'), observations[b].numpy(), noise[n, b].numpy()
            )
            np.testing.assert_allclose(actions[n, b].detach(), action, rtol=1e-9)
            assert log_probability[n, b].item() == pytest.approx(density, rel=1e-9)


@pytest.mark.parametrize(('mean', 'log_std'), [(0.0, 0.0), (1.5, -1.0), (-0.4, 1.0)])
def test_the_density_of_actions_integrates_to_one(mean, log_std):
    std = math.exp(log_std)
    before = torch.linspace(mean - 9 * std, mean + 9 * std, 20_001)[:, None]
    gaussian_ = torch.full_like(before, mean), torch.full_like(before, log_std)
    action, log_probability = sample_squashed(gaussian_, (before - mean) / std)
    torch.testing.assert_close(action, before.tanh())
    per_step = log_probability.exp() / before[:, 0].cosh().square()  # da = du / cosh(u)^2
    assert torch.trapezoid(per_step, before[:, 0]).item() == pytest.approx(1.0, abs=1e-6)


def test_far_from_the_middle_nothing_overflows():
    gaussian_ = torch.tensor([[40.0]]), torch.tensor([[1.0]])
    action, log_probability = sample_squashed(gaussian_, torch.tensor([[3.0]]))
    assert action.item() == 1.0
    assert math.isfinite(log_probability.item())


def test_noise_levels():
    noise = ConRftConfig()
    found = karras_noise_level(torch.arange(40), noise)
    np.testing.assert_allclose(found, [karras(i, noise) for i in range(40)], rtol=1e-9)
    assert (found.diff() < 0).all()
    assert found[0].item() == pytest.approx(80.0)
    assert found[-1].item() == pytest.approx(0.002)


def test_consistency_actor_is_the_function_it_says():
    noise = ConRftConfig(sigma_max=5.0)
    made = ConsistencyActor(SEEN, A, WIDTH, 2, noise)
    with torch.no_grad():
        made.out.weight.mul_(80.0)  # so that some actions are clipped and some are not
    observations, noisy = torch.randn(B, SEEN), torch.randn(N, B, A)
    levels = torch.tensor([5.0, 0.7, 0.002])
    found = made(observations, noisy, levels)
    weights = weights_of(made, 'actor.')
    for n in range(N):
        for b in range(B):
            seen = observations[b].numpy(), noisy[n, b].numpy(), levels[b].item()
            np.testing.assert_allclose(
                found[n, b].detach(), consistent(weights, *seen, noise), rtol=1e-8, atol=1e-9
            )
    assert (found.abs() == 1.0).any()
    assert (found.abs() < 1.0).any()
    acted = made.act(observations, noisy)
    expected = consistent(weights, observations[1].numpy(), 5.0 * noisy[2, 1].numpy(), 5.0, noise)
    np.testing.assert_allclose(acted[2, 1].detach(), expected, rtol=1e-8, atol=1e-9)


def test_at_the_least_noise_an_action_is_given_back():
    made = ConsistencyActor(SEEN, A, WIDTH, 2, ConRftConfig())
    actions = torch.rand(B, A) * 2 - 1
    found = made(torch.randn(B, SEEN), actions, torch.full((B,), 0.002))
    torch.testing.assert_close(found, actions)


@pytest.mark.parametrize('algorithm', ['calql', 'conrft'])
def test_targets_start_equal_and_never_learn_by_gradient(algorithm):
    made = AgentNetworks(SEEN, A, AgentConfig(algorithm, critics=2, width=8, gripper=True))
    for source, follower in ((made.critic, made.target), (made.gripper, made.gripper_target)):
        for ours, theirs in zip(source.parameters(), follower.parameters(), strict=True):
            assert torch.equal(ours, theirs)
            assert ours.requires_grad
            assert not theirs.requires_grad
