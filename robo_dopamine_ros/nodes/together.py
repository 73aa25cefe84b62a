"""Whether the nodes of a cell suit one another: what no node can see in its own parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robo_dopamine_ros.nodes.settings import CellParameters, ConfigurationError
from robo_dopamine_ros.types import VIEWS


def check_together(cell: CellParameters, nodes: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where nodes do not suit; `nodes` are their filled parameters."""
    if 'reward' in cell.nodes:
        _check_views(nodes['reward'], 'sim' in cell.nodes)


def _check_views(reward: Any, simulated: bool) -> None:
    """Every view the reward node watches must be one its model knows, and that somebody shows."""
    from robo_dopamine_ros.reward.compact.card import ModelError, read_card
    from robo_dopamine_ros.ros.environment import shared

    folder = Path(reward.model) if reward.model else shared('models/grm')
    try:
        known = read_card(folder).views
    except ModelError as error:
        raise ConfigurationError(f'reward.model: {error}') from error
    for who, shown in ((f'the model {folder}', known), ('the simulator', VIEWS)):
        strange = [view for view in reward.cameras.views if view not in shown]
        if strange and (shown is known or simulated):
            raise ConfigurationError(
                f'reward.cameras.views: no camera view {", ".join(strange)}; '
                f'{who} has {", ".join(shown)}'
            )
