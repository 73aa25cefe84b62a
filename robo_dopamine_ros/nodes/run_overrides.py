"""Parameters of a cell that follow from its run directory; torch is imported only with one."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.nodes.cell_config import (
    CELL,
    CellParameters,
    ConfigurationError,
    Sections,
    with_overrides,
)
from robo_dopamine_ros.nodes.run_workplace import RUN_NODES, WORKPLACE_NODES, check_cell_run

if TYPE_CHECKING:
    from robo_dopamine_ros.training.config import RunDir, TrainConfig

PLACE = ('origin', 'tip_offset')  # parameters of WORKPLACE_NODES that are those of the run


def apply_run(given: Sections) -> Sections:
    """Set the parameters that follow from `cell.run`, where they are not given."""
    section = given.get(CELL, {})
    run, nodes = section.get('run', ''), section.get('nodes')
    if not (isinstance(run, str) and isinstance(nodes, list)):
        return given  # refused later, with all other errors
    if not run:
        for node in ('policy', 'learner'):
            if node in nodes and not given.get(node, {}).get('run'):
                raise ConfigurationError(
                    f'{node}.run is empty; `robo-dopamine up --run RUN` gives one to all, after '
                    '`robo-dopamine train --rollouts 0 --out RUN`'
                )
        return given
    if not set(nodes) & set(RUN_NODES):
        raise ConfigurationError(
            f'cell.run is given, but the cell starts none of {", ".join(RUN_NODES)}'
        )
    from robo_dopamine_ros.training.config import reward_model_path

    run_dir, config = _open_run('cell', Path(run).resolve())
    place = config.workplace.known
    values = {
        **{(node, key): place[key] for node in WORKPLACE_NODES for key in PLACE if key in place},
        **{(node, 'run'): str(run_dir.path) for node in RUN_NODES},
        ('reward', 'model'): str(reward_model_path(run_dir, config)),
        ('reward', 'session.tracker.fusion'): config.fusion,
        ('sim', 'workpiece.clearance'): config.clearance,
        ('scripted_operator', 'intervention.episodes'): config.interventions,
        ('episode_manager', 'episodes.first_index'): _online_episodes('cell', run_dir),
    }
    if 'scripted_operator' in nodes:  # a cell without it needs no simulator installed
        from robo_dopamine_ros.sim.scene import Workpiece

        hole_width = Workpiece(clearance=config.clearance).hole_width
        values['scripted_operator', 'intervention.hole_width'] = hole_width
    missing = [
        (node, key, value)
        for (node, key), value in values.items()
        if node in nodes and key not in given.get(node, {})
    ]
    return with_overrides(given, missing)


def check_run(cell: CellParameters, nodes: Mapping[str, Any]) -> None:
    """Raise ConfigurationError unless RUN_NODES have one run, which is ready and not complete."""
    runs = {node: nodes[node].run for node in RUN_NODES if node in cell.nodes}
    if not any(runs.values()):
        return  # at most a recorder of episode folders
    if len({Path(run).resolve() for run in runs.values()}) > 1:
        text = ', '.join(f'{node}.run = {run!r}' for node, run in runs.items())
        raise ConfigurationError(f'{text}; they must be the same')
    node, run = next(iter(runs.items()))
    _, config = _open_run(node, Path(run))
    check_cell_run(f'{node}.run', Path(run), config, cell, nodes)
    if config.perspective and 'policy' in runs:
        raise ConfigurationError(
            f'{node}.run: its run.json has perspective = {config.perspective!r}; '
            'a cell has only the progress fused from all perspectives'
        )
    if not (cell.run and 'episode_manager' in cell.nodes):
        return
    episodes = nodes['episode_manager'].episodes
    if episodes.auto_start and 0 < episodes.rollouts <= episodes.first_index:
        raise ConfigurationError(
            f'{cell.run}: nothing is left to do: it has {episodes.first_index} episodes, '
            f'episode_manager.episodes.rollouts = {episodes.rollouts}; '
            '--set a larger one to continue, or 0'
        )


def _open_run(node: str, path: Path) -> 'tuple[RunDir, TrainConfig]':
    """Run directory and configuration of a run that is ready for online training."""
    from robo_dopamine_ros.checkpoint import CheckpointError
    from robo_dopamine_ros.training.config import RunDir, read_train_config

    run_dir = RunDir(path)
    if missing := run_dir.missing():
        raise ConfigurationError(f'{node}.run: {missing}')
    try:
        return run_dir, read_train_config(path)
    except CheckpointError as error:
        raise ConfigurationError(f'{node}.run: {error}') from error


def _online_episodes(node: str, run_dir: 'RunDir') -> int:
    """Number of online episodes in the database of a run."""
    from robo_dopamine_ros.experience.reader import ExperienceReader
    from robo_dopamine_ros.experience.schema import ExperienceError

    try:
        with closing(ExperienceReader(run_dir.database)) as reader:
            return reader.online_episodes
    except ExperienceError as error:
        raise ConfigurationError(f'{node}.run: {error}') from error
