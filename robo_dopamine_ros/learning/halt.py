"""Putting a pupil away and taking it up again: everything that decides how it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robo_dopamine_ros.learning import checkpoint
from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.observation import Standard
from robo_dopamine_ros.learning.pupil import Pupil
from robo_dopamine_ros.learning.tensors import StateError

EXPLORING = 'exploring'  # name of the random state that actions are drawn by


@dataclass(frozen=True)
class PutAway:
    """What was put away with a pupil."""

    standard: Standard
    facts: dict[str, Any]


def put_away(
    path: Path,
    pupil: Pupil,
    standard: Standard,
    configuration: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Write a checkpoint in one step: networks, optimisers, counters, random states."""
    tensors = {
        **pupil.agent.state(),
        **standard.tensors(),
        EXPLORING: pupil.exploring.get_state(),
    }
    facts = {**facts, 'chance': pupil.chance.bit_generator.state}
    checkpoint.save(path, tensors, configuration, facts)


def take_up(path: Path, pupil: Pupil, configuration: Mapping[str, Any]) -> PutAway:
    """Become what was put away; refuses another configuration by its name."""
    kept = checkpoint.load(path, configuration)
    tensors = {k: v for k, v in kept.tensors.items() if not k.startswith('standard.')}
    try:
        standard, exploring = Standard.read(kept.tensors), tensors.pop(EXPLORING)
        pupil.agent.load(tensors)
        pupil.exploring.set_state(exploring)
        pupil.chance.bit_generator.state = kept.facts['chance']
    except (StateError, LookupError, RuntimeError) as error:
        raise CheckpointError(f'{path}: of another program or store: {error}') from error
    return PutAway(standard, kept.facts)
