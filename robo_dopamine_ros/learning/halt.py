"""Putting practice away and taking it up again: everything that decides how it goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robo_dopamine_ros.learning import checkpoint
from robo_dopamine_ros.learning.observation import Standard
from robo_dopamine_ros.learning.practice import Practice

EXPLORING = 'exploring'  # name of the random state that actions are drawn by


def put_away(
    path: Path,
    practice: Practice,
    standard: Standard,
    configuration: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Write a checkpoint in one step: networks, optimisers, counters, random states."""
    tensors = {
        **practice.agent.state(),
        **standard.tensors(),
        EXPLORING: practice.exploring.get_state(),
    }
    facts = {**facts, 'chance': practice.chance.bit_generator.state}
    checkpoint.save(path, tensors, configuration, facts)


def take_up(path: Path, practice: Practice, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Become what was put away, and give its facts; refuses another configuration by its name."""
    kept = checkpoint.load(path, configuration)
    tensors = {k: v for k, v in kept.tensors.items() if not k.startswith('standard.')}
    practice.exploring.set_state(tensors.pop(EXPLORING))
    practice.agent.load(tensors)
    practice.chance.bit_generator.state = kept.facts['chance']
    return kept.facts
