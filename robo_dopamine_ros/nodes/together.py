"""Whether the nodes of a cell suit one another: what no node can see in its own parameters."""

from collections.abc import Mapping
from typing import Any

from robo_dopamine_ros.nodes.run_folder import check_run
from robo_dopamine_ros.nodes.settings import CellParameters, ConfigurationError
from robo_dopamine_ros.types import VIEWS


def check_together(cell: CellParameters, nodes: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where nodes do not suit; `nodes` are their filled parameters."""
    if 'gate' in cell.nodes:
        _check_arm(nodes['gate'])
    if {'gate', 'teleop'} <= {*cell.nodes}:
        frames = nodes['gate'].driver.base_frame, nodes['teleop'].base_frame
        if frames[0] != frames[1]:
            raise ConfigurationError(
                f'teleop.base_frame = {frames[1]!r}, gate.driver.base_frame = {frames[0]!r}; '
                'they must be the same'
            )
    if 'conductor' in cell.nodes:
        _check_resets(nodes['conductor'].resets.way, cell)
    check_run(cell, nodes)
    if 'reward' in cell.nodes:
        _check_views(nodes['reward'], 'sim' in cell.nodes)


def _check_views(reward: Any, simulated: bool) -> None:
    """Every view the reward node watches must be one its model knows, and that somebody shows."""
    from robo_dopamine_ros.nodes.reward_model import folder_of
    from robo_dopamine_ros.reward.compact.card import read_card
    from robo_dopamine_ros.reward.grm import ModelError
    from robo_dopamine_ros.reward.loading import Kind, kind_of

    folder = folder_of(reward)
    try:
        compact = kind_of(folder) is Kind.COMPACT
        known = read_card(folder).views if compact else reward.vlm.views
    except ModelError as error:
        raise ConfigurationError(f'reward.model: {error}') from error
    for who, shown in ((f'the model {folder}', known), ('the simulator', VIEWS)):
        strange = [view for view in reward.cameras.views if view not in shown]
        if strange and (shown is known or simulated):
            raise ConfigurationError(
                f'reward.cameras.views: no camera view {", ".join(strange)}; '
                f'{who} has {", ".join(shown)}'
            )


def _check_arm(gate: Any) -> None:
    """Make the arm, as the gate will: each kind has needs of its own."""
    from robo_dopamine_ros.arms.choose import make

    try:
        make(gate.driver, gate.limits.arm_timeout)
    except ValueError as error:
        raise ConfigurationError(f'gate: driver: {error}') from error


def _check_resets(way: str, cell: CellParameters) -> None:
    """Who resets must be there."""
    needed = {'sim': 'sim', 'motion': 'gate'}.get(way)
    if needed and needed not in cell.nodes:
        raise ConfigurationError(
            f'conductor.resets.way = {way!r} needs the node {needed}, which the cell does not start'
        )
