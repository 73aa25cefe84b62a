"""The processes of a cell, described once: what starts, with which parameters, and what if it dies.

`robo-dopamine up` starts them as plain processes, launch files as launch actions; both ask `cell`.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from robo_dopamine_ros.nodes.kinds import KINDS
from robo_dopamine_ros.nodes.run_folder import with_run
from robo_dopamine_ros.nodes.settings import (
    CELL,
    CellParameters,
    ConfigurationError,
    Value,
    check,
    parse,
    read,
    with_sets,
)
from robo_dopamine_ros.nodes.together import check_together
from robo_dopamine_ros.ros.environment import shared

NAMESPACE = re.compile(r'(/?[A-Za-z_]\w*)*')


@dataclass(frozen=True)
class Process:
    """One node in a process of its own."""

    executable: str  # entry point in setup.cfg and module below robo_dopamine_ros.nodes
    name: str = ''  # of the node; the executable's when empty
    parameters: Mapping[str, Value] = field(default_factory=dict)  # dotted keys
    remappings: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ''  # of the node; empty: none
    respawn: bool = False  # start again when it dies; otherwise its death ends the cell

    def __post_init__(self) -> None:
        if not self.executable.isidentifier():
            raise ValueError(f'executable = {self.executable!r}; it must name a module of nodes/')

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.executable

    @property
    def full_name(self) -> str:
        """Name of the node in the graph."""
        return f'/{self.namespace.strip("/")}/{self.title}'.replace('//', '/')

    def arguments(self) -> list[str]:
        """Give what ROS must know of it, for any program that runs the node."""
        words = ['--ros-args', '-r', f'__node:={self.title}']
        if self.namespace:
            words += ['-r', f'__ns:=/{self.namespace.strip("/")}']
        for old, new in self.remappings.items():
            words += ['-r', f'{old}:={new}']
        for key, value in self.parameters.items():
            words += ['-p', f'{key}:={json.dumps(value)}']
        return words

    def command(self) -> list[str]:
        """Give the command line that starts it with this interpreter."""
        module = f'robo_dopamine_ros.nodes.{self.executable}'
        return [sys.executable, '-m', module, *self.arguments()]


def cell(
    config: str | Path,
    *,
    namespace: str = '',
    model: str | Path = '',
    views: Sequence[str] = (),
    task: str = '',
    run: str | Path = '',
    without: Sequence[str] = (),
    sets: Sequence[str] = (),
) -> tuple[Process, ...]:
    """Describe the cell of a configuration: a path, or the name of one that is shipped.

    Nodes `without` are left out. `sets` are texts `node.key=value`, which win over all else; empty
    arguments change nothing.
    Raises ConfigurationError, or FileNotFoundError, before anything starts. Every parameter that
    exists is known here, so the environment must be active.
    """
    if not NAMESPACE.fullmatch(namespace):
        raise ConfigurationError(f'namespace = {namespace!r}; it must be like left or lab/left')
    given = [
        ('reward', 'model', str(Path(model).resolve()) if model else ''),
        ('reward', 'cameras.views', list(views)),
        ('conductor', 'episodes.task', task),
        (CELL, 'run', str(run)),
    ]
    arguments = [(node, key, value) for node, key, value in given if value]
    wanted = with_sets(read(find(config)), [*arguments, *map(parse, sets)])
    whole, parameters, values = check(with_run(wanted))
    for node, key, _ in arguments:
        if node not in (CELL, *whole.nodes):
            raise ConfigurationError(f'{node}.{key} is given, but the cell starts no node {node}')
    whole = reduced(whole, without)
    check_together(whole, parameters)
    common: dict[str, Value] = {'use_sim_time': True} if whole.use_sim_time else {}
    return tuple(
        Process(
            node,
            namespace=namespace,
            parameters={**common, **values[node]},
            remappings=dict(text.split(':=') for text in whole.remap),
            respawn=KINDS[node].respawn,
        )
        for node in whole.nodes
    )


def reduced(whole: CellParameters, without: Sequence[str]) -> CellParameters:
    """Leave nodes out, which are then started otherwise."""
    if strange := [node for node in without if node not in whole.nodes]:
        known = ', '.join(whole.nodes)
        raise ConfigurationError(f'without {", ".join(strange)}: the cell has {known} only')
    return replace(whole, nodes=tuple(node for node in whole.nodes if node not in without))


def replay(
    episode: Path, model: Path | None, views: Sequence[str], speed: float = 1.0
) -> tuple[Process, ...]:
    """A recorded episode in place of cameras; its nodes' deaths all end it."""
    return (
        Process('player', parameters={'episode': str(episode), 'speed': speed}),
        _reward(model, {'cameras.views': list(views)}),
        Process('conductor', parameters={'episodes.time_limit': 0.0}),  # it ends by itself
    )


def demo(model: Path | None, seed: int) -> tuple[Process, ...]:
    """A simulated arm with a scripted operator who errs and recovers, watched by the model."""
    conduct: dict[str, Value] = {
        'conduct.operator': 'scripted',
        'conduct.style': 'recovery',
        'conduct.seed': seed,
    }
    return Process('sim', parameters=conduct), _reward(model, {}), Process('conductor')


def _reward(model: Path | None, parameters: Mapping[str, Value]) -> Process:
    chosen: dict[str, Value] = {'model': str(model)} if model else {}
    return Process('reward', parameters={**parameters, **chosen})


def find(config: str | Path) -> Path:
    """Find a configuration by its path or by the name of one that is shipped."""
    path = Path(config)
    if path.exists() or path.suffix in ('.yaml', '.yml'):
        return path
    names = shipped()
    if str(config) not in names:
        raise ConfigurationError(
            f'no cell {config!r}: neither a file nor one of {", ".join(names)}'
        )
    return shared('config') / f'{config}.yaml'


def shipped() -> list[str]:
    """Names of the cells that are shipped."""
    return sorted(path.stem for path in shared('config').glob('*.yaml'))
