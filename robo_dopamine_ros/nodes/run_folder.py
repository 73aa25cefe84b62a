"""The folder of a run: told once to a cell, it decides what the cell's nodes must agree on."""

from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.nodes.settings import (
    CELL,
    CellParameters,
    ConfigurationError,
    Given,
    with_sets,
)

if TYPE_CHECKING:
    from robo_dopamine_ros.learning.plan import Plan

LIVE = ('policy', 'recorder', 'learner')  # they practise in a run


def with_run(given: Given) -> Given:
    """Fill in what the run of the cell decides, where nothing else is given."""
    section = given.get(CELL, {})
    run, nodes = section.get('run', ''), section.get('nodes')
    if not (isinstance(run, str) and isinstance(nodes, list)):
        return given  # to be refused with all else
    if not run:
        _refuse_none(given, nodes)
        return given
    if not set(nodes) & set(LIVE):
        raise ConfigurationError(
            f'cell.run is given, but the cell starts none of {", ".join(LIVE)}'
        )
    folder = Folder(Path(run).resolve())
    plan = _plan('cell', folder)
    from robo_dopamine_ros.sim.scene import Workpiece

    decided = {
        **{(node, 'run'): str(folder.path) for node in LIVE},
        ('reward', 'model'): str(plan.reward_model(folder)),
        ('reward', 'session.tracker.fusion'): plan.fusion,
        ('sim', 'piece.clearance'): plan.clearance,
        ('operator', 'standby.hole'): Workpiece(clearance=plan.clearance).hole,
        ('operator', 'standby.until'): plan.interventions,
        ('conductor', 'episodes.first'): _practised('cell', folder),
    }
    fills = [
        (node, key, value)
        for (node, key), value in decided.items()
        if node in nodes and key not in given.get(node, {})
    ]
    return with_sets(given, fills)


def check_run(cell: CellParameters, nodes: Mapping[str, Any]) -> None:
    """Raise ConfigurationError unless the nodes that practise do so in one run that is ready."""
    runs = {node: nodes[node].run for node in LIVE if node in cell.nodes}
    if not any(runs.values()):
        return  # at most a recorder of episode folders
    told = ', '.join(f'{node}.run = {run!r}' for node, run in runs.items())
    if len({Path(run).resolve() for run in runs.values()}) > 1:
        raise ConfigurationError(f'{told}; they must be the same')
    node, run = next(iter(runs.items()))
    perspective = _plan(node, Folder(Path(run))).perspective
    if perspective and 'policy' in runs:
        raise ConfigurationError(
            f'{node}.run: its plan has perspective = {perspective!r}; '
            'a cell knows no other progress than that of all'
        )
    if cell.run and 'conductor' in cell.nodes:
        _check_left(cell.run, nodes['conductor'].episodes)


def _check_left(run: str, episodes: Any) -> None:
    """Refuse to start where nothing is left to practise."""
    if episodes.auto and 0 < episodes.rollouts <= episodes.first:
        raise ConfigurationError(
            f'{run}: nothing is left to do: {episodes.first} episodes were practised, '
            f'conductor.episodes.rollouts = {episodes.rollouts}; --set a larger one to go on, or 0'
        )


def _refuse_none(given: Given, nodes: Collection[str]) -> None:
    """Say how to name a run to nodes that cannot do without."""
    for node in ('policy', 'learner'):
        if node in nodes and not given.get(node, {}).get('run'):
            raise ConfigurationError(
                f'{node}.run is empty; `robo-dopamine up --run RUN` gives one to all, after '
                '`robo-dopamine train --rollouts 0 --out RUN`'
            )


def _practised(node: str, folder: Folder) -> int:
    """How many episodes were practised in a run, in one process or in cells."""
    from robo_dopamine_ros.learning.schema import StoreError
    from robo_dopamine_ros.learning.tail import Tail

    try:
        with closing(Tail(folder.store)) as tail:
            return tail.practised
    except StoreError as error:
        raise ConfigurationError(f'{node}.run: {error}') from error


def _plan(node: str, folder: Folder) -> 'Plan':
    """The plan of a run that is ready to practise in."""
    from robo_dopamine_ros.learning.checkpoint import CheckpointError
    from robo_dopamine_ros.learning.plan import read_plan

    if lacks := folder.lacks():
        raise ConfigurationError(f'{node}.run: {lacks}')
    try:
        return read_plan(folder.path)
    except CheckpointError as error:
        raise ConfigurationError(f'{node}.run: {error}') from error
