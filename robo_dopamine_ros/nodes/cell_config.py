"""Configuration of a cell: its nodes, and their parameters from YAML, with overrides, checked.

A cell is a ROS parameter file. Its section `cell` belongs to no node; it lists the nodes to start.
"""

import difflib
import importlib
import re
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from robo_dopamine_ros.ros import retired

ParameterValue = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]
Sections = Mapping[str, Mapping[str, Any]]  # node -> dotted key -> value

CELL = 'cell'
SECTION = 'ros__parameters'
EXPONENT = re.compile(r'[-+]?\d+[eE][-+]?\d+')  # 1e-3, which YAML takes for a text
KIND_NAMES = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'text'}


class ConfigurationError(ValueError):
    """A cell that cannot be started as it is configured."""


@dataclass(frozen=True)
class NodeSpec:
    """How a cell starts a node."""

    parameters: str  # name of the dataclass in its module
    respawn: bool = False  # restarted when it dies; the death of any other node ends the cell


NODES = {
    'sim': NodeSpec('SimParameters'),
    'gate': NodeSpec('GateParameters'),  # a new one must not take over an arm that moves
    'teleop': NodeSpec('TeleopParameters'),  # the person must know that the arm ignores them
    'scripted_operator': NodeSpec('ScriptedOperatorParameters'),
    'player': NodeSpec('PlayerParameters'),
    'reward': NodeSpec('RewardNodeParameters', respawn=True),  # the running episode is aborted
    'episode_manager': NodeSpec('EpisodeManagerParameters'),  # its state would be lost
    'policy': NodeSpec('PolicyParameters', respawn=True),  # stored steps are not affected
    'recorder': NodeSpec('RecorderParameters', respawn=True),  # unstored steps are sent again
    'learner': NodeSpec('LearnerParameters', respawn=True),  # no motion depends on it
}


def parameters_class(node: str) -> type:
    """Return the dataclass of a node's parameters; the environment must be active."""
    module = importlib.import_module(f'robo_dopamine_ros.nodes.{node}')
    return getattr(module, NODES[node].parameters)


@dataclass(frozen=True)
class CellParameters:
    """Parameters of the cell as a whole."""

    nodes: tuple[str, ...] = ()  # those that start
    remap: tuple[str, ...] = ()  # topics under other names, `front/image_raw:=/camera/image_raw`
    use_sim_time: bool = False  # the nodes' clock is the topic /clock
    run: str = ''  # folder of a run of `train`, from which parameters of its nodes are filled in

    def __post_init__(self) -> None:
        known = ', '.join(NODES)
        for node in self.nodes:
            if node not in NODES:
                raise ValueError(f'nodes: no node {node!r}{_hint(node, NODES)}; there are {known}')
        if not self.nodes or len(set(self.nodes)) < len(self.nodes):
            raise ValueError(f'nodes = {list(self.nodes)}; it must name each node once: {known}')
        for text in self.remap:
            if len([side for side in text.split(':=') if side]) != 2:
                raise ValueError(f'remap: {text!r}; it must be like `old:=new`')


def read_config(path: Path) -> Sections:
    """Read a parameter file into dotted keys by section; raises ConfigurationError."""
    try:
        sections = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise ConfigurationError(f'{path}: no YAML: {" ".join(str(error).split())}') from error
    if not isinstance(sections, dict) or CELL not in sections:
        raise ConfigurationError(
            f'{path}: no section `{CELL}: {SECTION}: nodes: [..]` that says which nodes start'
        )
    given = {}
    for name, section in sections.items():
        inner = section.get(SECTION) if isinstance(section, dict) and len(section) == 1 else None
        if not isinstance(inner, dict):
            raise ConfigurationError(f'{path}: {name}: it must hold `{SECTION}:` and keys below it')
        given[str(name)] = _flatten(inner)
    return given


def parse_override(text: str) -> tuple[str, str, Any]:
    """Split `node.key=value` into node, key and the value as YAML reads it."""
    left, equals, right = text.partition('=')
    node, dot, key = left.strip().partition('.')
    if not (equals and dot and key):
        raise ConfigurationError(f'{text!r}; it must be like gate.limits.speed=0.1')
    try:
        return node, key, yaml.safe_load(right)
    except yaml.YAMLError:
        return node, key, right


def with_overrides(given: Sections, overrides: Sequence[tuple[str, str, Any]]) -> Sections:
    """Return the sections with (node, key, value) set."""
    result = {node: dict(values) for node, values in given.items()}
    for node, key, value in overrides:
        result.setdefault(node, {})[key] = value
    return result


def check_config(
    given: Sections,
) -> tuple[CellParameters, dict[str, Any], dict[str, dict[str, ParameterValue]]]:
    """Check all sections; returns the cell, and by node the filled dataclass and the given values.

    Sections of nodes that are not started are checked as well. Raises ConfigurationError.
    """
    for name in given:
        if name != CELL and name not in NODES:
            raise ConfigurationError(
                f'no node {name!r}{_hint(name, NODES)}; there are {", ".join(NODES)}'
            )
    cell, _ = _check_section(CELL, CellParameters, given.get(CELL, {}))
    filled, values = {}, {}
    for node in {**dict.fromkeys(cell.nodes), **given}:
        if node != CELL:
            filled[node], values[node] = _check_section(
                node, parameters_class(node), given.get(node, {})
            )
    return cell, filled, values


def _check_section(
    node: str, parameters: type, given: Mapping[str, Any]
) -> tuple[Any, dict[str, ParameterValue]]:
    """Check the values of one section; returns its filled dataclass and the values, converted."""
    from robo_dopamine_ros.ros.params import ParameterError, build, flatten

    specs = flatten(parameters)
    values = {}
    for key, value in given.items():
        if key not in specs:
            hint = _hint(key, specs) or '; docs/parameters.md lists them'
            raise ConfigurationError(f'{node}.{key}: no such parameter{hint}')
        values[key] = _converted(f'{node}.{key}', specs[key].kind, value)
        if new := retired.VALUES.get((key, str(value))):
            raise ConfigurationError(f'{node}.{key} = {value!r}; it is now {new!r}')
        if (limits := specs[key].range) and not limits[0] <= values[key] <= limits[1]:
            raise ConfigurationError(
                f'{node}.{key} = {value}; it must lie in {limits[0]}..{limits[1]}'
            )
    whole = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    try:
        return build(parameters, whole), values
    except ParameterError as error:
        raise ConfigurationError(f'{node}: {error}') from error


def _converted(name: str, kind: Any, value: Any) -> Any:
    """Return a value as a parameter of this type; an int is accepted as a float."""
    if typing.get_origin(kind) is tuple:
        (item, _) = typing.get_args(kind)
        if isinstance(value, list | tuple) and all(_fits(item, element) for element in value):
            return [item(element) for element in value]
        raise ConfigurationError(f'{name} = {value!r}; it must be a list, each {KIND_NAMES[item]}')
    if kind is float and isinstance(value, str) and re.fullmatch(EXPONENT, value):
        return float(value)
    if not _fits(kind, value):
        raise ConfigurationError(f'{name} = {value!r}; it must be {KIND_NAMES[kind]}')
    return kind(value)


def _fits(kind: type, value: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind


def _flatten(section: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            flat.update(_flatten(value, f'{prefix}{key}.'))
        else:
            flat[f'{prefix}{key}'] = value
    return flat


def _hint(name: str, known: Collection[str]) -> str:
    """Return the new name of a retired one, or suggest the known name that was probably meant."""
    if new := retired.NODES.get(name) or retired.new_parameter(name, known):
        return f'; it is now {new}'
    tails = sorted((k for k in known if k.split('.')[-1] == name.split('.')[-1]), key=len)
    best = tails or difflib.get_close_matches(name, known, 1)
    return f'; did you mean {best[0]}?' if best else ''
