"""The processes of a cell: executable, parameters, remappings, and whether each is restarted.

`robo-dopamine up` starts them as plain processes, launch files as launch actions; both use
`cell_processes`.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from robo_dopamine_ros.grm.model_path import model_path
from robo_dopamine_ros.nodes.cell_config import (
    CELL,
    NODES,
    CellParameters,
    ConfigurationError,
    ParameterValue,
    check_config,
    parse_override,
    read_config,
    with_overrides,
)
from robo_dopamine_ros.nodes.cell_frames import check_frames
from robo_dopamine_ros.nodes.run_overrides import apply_run, check_run
from robo_dopamine_ros.nodes.run_workplace import WORKPLACE_NODES, cell_workplace
from robo_dopamine_ros.ros.environment import shared_path
from robo_dopamine_ros.types import VIEWS

NAMESPACE = re.compile(r'(/?[A-Za-z_]\w*)*')


@dataclass(frozen=True)
class Process:
    """One node, in a process of its own."""

    executable: str  # entry point in setup.cfg and module below robo_dopamine_ros.nodes
    name: str = ''  # of the node; the executable's when empty
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)  # dotted keys
    remappings: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ''  # of the node; empty: none
    respawn: bool = False  # start again when it dies; otherwise its death ends the cell

    def __post_init__(self) -> None:
        if not self.executable.isidentifier():
            raise ValueError(f'executable = {self.executable!r}; it must name a module of nodes/')

    @property
    def title(self) -> str:
        """Name of the node, without namespace."""
        return self.name or self.executable

    @property
    def full_name(self) -> str:
        """Name of the node in the graph, with namespace."""
        return f'/{self.namespace.strip("/")}/{self.title}'.replace('//', '/')

    def arguments(self) -> list[str]:
        """Return the ROS arguments, for any program that runs the node."""
        words = ['--ros-args', '-r', f'__node:={self.title}']
        if self.namespace:
            words += ['-r', f'__ns:=/{self.namespace.strip("/")}']
        for old, new in self.remappings.items():
            words += ['-r', f'{old}:={new}']
        for key, value in self.parameters.items():
            words += ['-p', f'{key}:={json.dumps(value)}']
        return words

    def command(self) -> list[str]:
        """Return the command line that starts it with this interpreter."""
        module = f'robo_dopamine_ros.nodes.{self.executable}'
        return [sys.executable, '-m', module, *self.arguments()]


def cell_processes(
    config: str | Path,
    *,
    namespace: str = '',
    model: str | Path = '',
    views: Sequence[str] = (),
    task: str = '',
    run: str | Path = '',
    without: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> tuple[Process, ...]:
    """Return the processes of a cell's configuration: a path, or the name of a shipped one.

    Nodes `without` are left out. `overrides`, as `node.key=value`, win over everything else; empty
    arguments change nothing. Raises ConfigurationError or FileNotFoundError. The
    environment must be active, because the nodes' parameters are imported.
    """
    if not NAMESPACE.fullmatch(namespace):
        raise ConfigurationError(f'namespace = {namespace!r}; it must be like left or lab/left')
    options = [
        ('reward', 'model', str(model_path(model)) if model else ''),
        ('reward', 'cameras.views', list(views)),
        ('episode_manager', 'episodes.task', task),
        (CELL, 'run', str(run)),
    ]
    arguments = [(node, key, value) for node, key, value in options if value]
    parsed = [*arguments, *map(parse_override, overrides)]
    given = with_overrides(read_config(find_config(config)), parsed)
    cell, parameters, values = check_config(apply_run(given))
    for node, key, _ in arguments:
        if node not in (CELL, *cell.nodes):
            raise ConfigurationError(f'{node}.{key} is given, but the cell starts no node {node}')
    check_simulated(cell, parameters)
    check_frames(cell, parameters)
    check_run(cell, parameters)
    place = cell_workplace(cell, parameters).to_json()
    cell = without_nodes(cell, without)
    check_nodes(cell, parameters)
    for node in WORKPLACE_NODES:
        values.get(node, {}).setdefault('workplace', place)
    common: dict[str, ParameterValue] = {'use_sim_time': True} if cell.use_sim_time else {}
    return tuple(
        Process(
            node,
            namespace=namespace,
            parameters={**common, **values[node]},
            remappings=dict(text.split(':=') for text in cell.remap),
            respawn=NODES[node].respawn,
        )
        for node in cell.nodes
    )


def without_nodes(cell: CellParameters, without: Sequence[str]) -> CellParameters:
    """Return the cell without some of its nodes; ConfigurationError for one it does not have."""
    if unknown := [node for node in without if node not in cell.nodes]:
        known = ', '.join(cell.nodes)
        raise ConfigurationError(f'without {", ".join(unknown)}: the cell has {known} only')
    return replace(cell, nodes=tuple(node for node in cell.nodes if node not in without))


def replay_processes(
    episode: Path, model: Path | None, views: Sequence[str], speed: float = 1.0
) -> tuple[Process, ...]:
    """Return the processes that play a recorded episode in place of cameras; none is restarted."""
    return (
        Process('player', parameters={'episode': str(episode), 'speed': speed}),
        _reward_process(model, {'cameras.views': list(views)}),
        Process('episode_manager', parameters={'episodes.time_limit': 0.0}),  # it ends by itself
    )


def demo_processes(model: Path | None, seed: int) -> tuple[Process, ...]:
    """Return the processes of a simulated arm with a scripted operator, and the reward."""
    parameters: dict[str, ParameterValue] = {
        'realtime.operator': 'scripted',
        'realtime.style': 'recovery',
        'realtime.seed': seed,
    }
    return (
        Process('sim', parameters=parameters),
        _reward_process(model, {}),
        Process('episode_manager'),
    )


def _reward_process(model: Path | None, parameters: Mapping[str, ParameterValue]) -> Process:
    given: dict[str, ParameterValue] = {'model': str(model)} if model else {}
    given['cameras.limits.frozen_time'] = 0.0  # pictures that are played or simulated repeat
    return Process('reward', parameters={**parameters, **given})


def find_config(config: str | Path) -> Path:
    """Return the path of a configuration, from a path or the name of a shipped one."""
    path = Path(config)
    if path.exists() or path.suffix in ('.yaml', '.yml'):
        return path
    names = shipped_configs()
    if str(config) not in names:
        raise ConfigurationError(
            f'no cell {config!r}: neither a file nor one of {", ".join(names)}'
        )
    return shared_path('config') / f'{config}.yaml'


def shipped_configs() -> list[str]:
    """Return the names of the shipped configurations."""
    return sorted(path.stem for path in shared_path('config').glob('*.yaml'))


def check_simulated(cell: CellParameters, nodes: Mapping[str, Any]) -> None:
    """A copy of a simulated cell must not switch off the protections of a real arm."""
    claimed = 'gate' in cell.nodes and nodes['gate'].simulated
    if claimed and 'sim' not in cell.nodes and not cell.use_sim_time:
        raise ConfigurationError(
            'gate.simulated is true, but the cell starts no node sim and its clock is not that of '
            'a simulator (cell.use_sim_time); delete gate.simulated for a real arm'
        )


def check_nodes(cell: CellParameters, nodes: Mapping[str, Any]) -> None:
    """Check what no node can see in its own parameters; raises ConfigurationError.

    `nodes` are the filled parameters by node.
    """
    if 'gate' in cell.nodes:
        _check_arm(nodes['gate'])
    if 'episode_manager' in cell.nodes:
        _check_resets(nodes['episode_manager'].resets.strategy, cell)
    if 'reward' in cell.nodes:
        _check_views(nodes['reward'], 'sim' in cell.nodes)


def _check_views(reward: Any, simulated: bool) -> None:
    """Every view of the reward node must be known to its model, and published by the simulator."""
    from robo_dopamine_ros.grm.compact.model_card import read_card
    from robo_dopamine_ros.grm.loading import ModelKind, kind_of
    from robo_dopamine_ros.grm.protocol import ModelError

    folder = reward.path
    try:
        compact = kind_of(folder) is ModelKind.COMPACT
        known = read_card(folder).views if compact else reward.vlm.views
    except ModelError as error:
        raise ConfigurationError(f'reward.model: {error}') from error
    sources = {f'the model {folder}': known, **({'the simulator': VIEWS} if simulated else {})}
    for source, views in sources.items():
        if unknown := [view for view in reward.cameras.views if view not in views]:
            raise ConfigurationError(
                f'reward.cameras.views: no camera view {", ".join(unknown)}; '
                f'{source} has {", ".join(views)}'
            )


def _check_arm(gate: Any) -> None:
    """Create the arm as the gate will, which checks the parameters of its kind."""
    from robo_dopamine_ros.arms.config import make_arm

    try:
        make_arm(gate.driver, gate.limits.arm_timeout)
    except ValueError as error:
        raise ConfigurationError(f'gate: driver: {error}') from error


def _check_resets(strategy: str, cell: CellParameters) -> None:
    """The node that resets must be started."""
    needed = {'sim': 'sim', 'motion': 'gate'}.get(strategy)
    if needed and needed not in cell.nodes:
        raise ConfigurationError(
            f'episode_manager.resets.strategy = {strategy!r} needs the node {needed}, '
            'which the cell does not start'
        )
