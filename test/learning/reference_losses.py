"""Formulas in plain NumPy and loops, and the comparison of tensors and gradients with them."""

import math

import numpy as np
import torch

STEP = 1e-6  # of the finite differences


def agree(ours, theirs, arrays, constants=()):
    """`ours` of tensors gives the number `theirs` gives of arrays, and so do its gradients.

    `arrays` is what the loss depends on, by name; no gradient may reach `constants`.
    """
    tensors = {name: torch.from_numpy(value.copy()) for name, value in arrays.items()}
    for value in tensors.values():
        value.requires_grad_(value.is_floating_point())
    loss = ours(**tensors)
    np.testing.assert_allclose(loss.detach().numpy(), theirs(**arrays), rtol=1e-10, atol=1e-12)
    loss.sum().backward()
    for name, value in arrays.items():
        if not tensors[name].is_floating_point():
            continue
        found = tensors[name].grad
        if name in constants:
            assert found is None or not found.any(), f'{name} got a gradient'
            continue
        found = np.zeros_like(value) if found is None else found.numpy()
        expected = slopes(lambda x, name=name: np.sum(theirs(**{**arrays, name: x})), value)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7, err_msg=name)


def slopes(function, at):
    """Central differences of a number by every element of an array."""
    out = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] = at[index] + STEP
        above = function(moved)
        moved[index] = at[index] - STEP
        out[index] = (above - function(moved)) / (2 * STEP)
    return out


def log_sum_exp(values, temperature=1.0):
    largest = max(values)
    total = sum(math.exp((value - largest) / temperature) for value in values)
    return largest + temperature * math.log(total)


def linear(weights, name, x):
    out = weights[f'{name}.weight'] @ x
    return out + weights[f'{name}.bias'] if f'{name}.bias' in weights else out


def trunk(weights, name, observation, extra, activation):
    """Layers of one sample, as networks.py does."""
    x = linear(weights, f'{name}.observation_layer', observation)
    if extra is not None:
        x = x + linear(weights, f'{name}.extra_layer', extra)
    depth = sum(key.startswith(f'{name}.norms.') for key in weights) // 2
    for layer in range(depth):
        if layer:
            x = linear(weights, f'{name}.layers.{layer - 1}', x)
        centred = x - sum(x) / len(x)
        x = centred / math.sqrt(sum(centred**2) / len(x) + 1e-5)
        x = activation(
            x * weights[f'{name}.norms.{layer}.weight'] + weights[f'{name}.norms.{layer}.bias']
        )
    return x


def relu(x):
    return np.where(x > 0, x, 0.0)


def critic(weights, name, head, observation, action):
    """Q of one head for one sample."""
    x = trunk(weights, f'{name}.heads.{head}.trunk', observation, action, relu)
    return linear(weights, f'{name}.heads.{head}.value', x)[0]


def gaussian(weights, observation, noise):
    """Action and its log density, by the change of variables."""
    x = trunk(weights, 'actor.trunk', observation, None, relu)
    mean = linear(weights, 'actor.mean', x)
    std = np.exp(np.clip(linear(weights, 'actor.log_std', x), -5.0, 1.0))
    before = mean + std * noise
    action = np.tanh(before)
    density = 0.0
    for i in range(len(action)):
        normal = math.exp(-0.5 * ((before[i] - mean[i]) / std[i]) ** 2)
        normal /= std[i] * math.sqrt(2 * math.pi)
        density += math.log(normal / (1 - action[i] ** 2))
    return action, density


def karras(index, noise):
    """Noise level of an index."""
    low, high = noise.sigma_min ** (1 / noise.rho), noise.sigma_max ** (1 / noise.rho)
    return (high + index / (noise.scales - 1) * (low - high)) ** noise.rho


def consistent(weights, observation, noisy, level, noise):
    """f(x, s, o) of the consistency policy for one sample."""
    angles = [1000 * 0.25 * math.log(level) * math.exp(-i * math.log(10000) / 7) for i in range(8)]
    time = np.array([math.sin(a) for a in angles] + [math.cos(a) for a in angles])
    time = np.tanh(linear(weights, 'actor.level.layers.0', time))
    time = linear(weights, 'actor.level.layers.2', time)
    data = noise.sigma_data
    c_skip = data**2 / ((level - noise.sigma_min) ** 2 + data**2)
    c_out = (level - noise.sigma_min) * data / math.sqrt(level**2 + data**2)
    c_in = 1 / math.sqrt(level**2 + data**2)
    x = trunk(weights, 'actor.trunk', observation, np.concatenate([c_in * noisy, time]), np.tanh)
    return np.clip(c_skip * noisy + c_out * linear(weights, 'actor.out', x), -1, 1)
