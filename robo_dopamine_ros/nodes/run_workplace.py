"""Where a cell is, compared with where its run belongs: before it starts, and in its nodes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.nodes.cell_config import (
    CellParameters,
    ConfigurationError,
    check_config,
    read_config,
    with_overrides,
)

if TYPE_CHECKING:
    from robo_dopamine_ros.training.config import TrainConfig
    from robo_dopamine_ros.training.workplace import Workplace

WORKPLACE_NODES = ('policy', 'recorder')  # they have the parameter `workplace`
RUN_NODES = (*WORKPLACE_NODES, 'learner')  # they work on a run


def cell_workplace(cell: CellParameters, nodes: Mapping[str, Any]) -> 'Workplace':
    """Return where the steps of a cell are made; `nodes` are the filled parameters by node."""
    from robo_dopamine_ros.training.workplace import Workplace

    place = Workplace('simulation' if 'sim' in cell.nodes else 'cell')
    if 'gate' in cell.nodes:
        driver = nodes['gate'].driver
        place = replace(place, base_frame=driver.base_frame)
        if place.kind == 'cell':
            place = replace(
                place, arm=driver.arm, joints=driver.joints, tool_frame=driver.tool_frame
            )
    for node in WORKPLACE_NODES:
        if node in cell.nodes:
            place = replace(place, origin=nodes[node].origin, tip_offset=nodes[node].tip_offset)
    return place


def read_cell_workplace(path: Path) -> 'Workplace':
    """Return the workplace of the cell in a parameter file; the environment must be active."""
    given = read_config(path)
    runs = [(node, 'run', str(path)) for node in RUN_NODES]  # whichever it will be
    cell, nodes, _ = check_config(with_overrides(given, runs))
    return cell_workplace(cell, nodes)


def check_run_workplace(run: Path, config: 'TrainConfig', here: 'Workplace') -> None:
    """Raise WorkplaceError unless a run belongs here."""
    from robo_dopamine_ros.training.workplace import WorkplaceError, check_workplace

    there = config.workplace
    if not there.kind and here.kind == 'cell':
        raise WorkplaceError(
            f'{run}: an earlier version made it, which did not keep where it belongs; if that is '
            f'this cell, say so: `robo-dopamine train --resume {run} --rollouts 0 --cell CONFIG`'
        )
    advice = 'start it there, or prepare one for this cell: `robo-dopamine train --rollouts 0 ..`'
    check_workplace(str(run), there, here, advice)


def check_cell_run(
    name: str, run: Path, config: 'TrainConfig', cell: CellParameters, nodes: Mapping[str, Any]
) -> None:
    """As `check_run_workplace`, for a cell; raises ConfigurationError that begins with `name`."""
    from robo_dopamine_ros.training.workplace import WorkplaceError

    try:
        check_run_workplace(run, config, cell_workplace(cell, nodes))
    except WorkplaceError as error:
        raise ConfigurationError(f'{name}: {error}') from error
