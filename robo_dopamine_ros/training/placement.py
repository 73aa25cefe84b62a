"""Where a run of `train` belongs: decided before anything is written, all else is refused."""

import shlex
from dataclasses import replace
from pathlib import Path

from robo_dopamine_ros.data.trajectory import find_trajectories
from robo_dopamine_ros.training.config import RunDir, TrainConfig
from robo_dopamine_ros.training.workplace import (
    SIMULATION,
    Workplace,
    WorkplaceError,
    check_workplace,
    common_workplace,
)


def place_new_run(config: TrainConfig, cell: Workplace | None) -> TrainConfig:
    """Return the configuration with its workplace: the `cell`, or that of its demonstrations.

    Raises WorkplaceError where they differ, where it is not known, and for rollouts in a cell.
    """
    recorded = _recorded(config)
    if cell is not None:
        advice = 'a run for a cell needs --demonstrations DIR that were recorded in it'
        check_workplace(_source(config), recorded, cell, advice)
        recorded = replace(cell, **recorded.known)
    placed = replace(config, workplace=recorded)
    _check_known(placed, _source(config), '--cell CONFIG names it')
    check_rollouts(placed, _source(config))
    return placed


def place_resumed_run(path: Path, config: TrainConfig, cell: Workplace | None) -> TrainConfig:
    """Return the configuration of a run that is resumed; `cell` says where an old one belongs.

    Raises WorkplaceError where it belongs elsewhere, or has nothing left to do here.
    """
    old = config.workplace
    if cell is not None:
        advice = 'a run cannot move; prepare a new one by `robo-dopamine train --rollouts 0 --out`'
        check_workplace(str(path), old, cell, advice)
        config = replace(config, workplace=replace(cell, **old.known))
    option = f'`robo-dopamine train --resume {shlex.quote(str(path))} --rollouts 0 --cell CONFIG`'
    _check_known(config, str(path), f'an earlier version made it; {option} names it')
    check_rollouts(config, str(path))
    if config.workplace.kind == 'cell' and cell is None and not RunDir(path).missing():
        raise WorkplaceError(
            f'{path} is ready, and belongs to {config.workplace}; to resume it here would replace '
            'the policy that acts there by that of the last checkpoint: continue by '
            f'`robo-dopamine up CELL --run {shlex.quote(str(path))}`'
        )
    return config


def check_rollouts(config: TrainConfig, what: str) -> None:
    """Raise WorkplaceError for rollouts of a run that does not belong to the simulation."""
    if config.rollouts and config.workplace.kind != 'simulation':
        raise WorkplaceError(
            f'{what} belongs to {config.workplace}, and rollouts = {config.rollouts} of this '
            'verb are simulated: `--rollouts 0` prepares a run, `robo-dopamine up CELL --run RUN` '
            'practises there'
        )


def _check_known(config: TrainConfig, what: str, advice: str) -> None:
    if not config.workplace.kind:
        raise WorkplaceError(f'{what} does not say in which cell it was made: {advice}')


def _recorded(config: TrainConfig) -> Workplace:
    if not config.demonstrations_dir:
        return SIMULATION
    return common_workplace(find_trajectories(Path(config.demonstrations_dir)))


def _source(config: TrainConfig) -> str:
    return config.demonstrations_dir or 'a demonstration that this verb records'
