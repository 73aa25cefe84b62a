"""The parameters of a cell's nodes: read from YAML, overridden, and checked before anything starts.

A cell is a ROS parameter file. Its section `cell` belongs to no node: it says which nodes start.
"""

import difflib
import re
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from robo_dopamine_ros.nodes.kinds import KINDS, parameters_of

Value = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]
Given = Mapping[str, Mapping[str, Any]]  # node -> dotted key -> value

CELL = 'cell'
SECTION = 'ros__parameters'
EXPONENT = re.compile(r'[-+]?\d+[eE][-+]?\d+')  # 1e-3, which YAML takes for a text
WORDS = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'text'}


class ConfigurationError(ValueError):
    """A cell that cannot be started as it is described."""


@dataclass(frozen=True)
class CellParameters:
    """What holds for the cell as a whole."""

    nodes: tuple[str, ...] = ()  # those that start
    remap: tuple[str, ...] = ()  # topics under other names, `front/image_raw:=/camera/image_raw`
    use_sim_time: bool = False  # the nodes' clock is the topic /clock
    run: str = ''  # folder of a run of `train`; fills what its nodes must agree on; empty: nothing

    def __post_init__(self) -> None:
        known = ', '.join(KINDS)
        for node in self.nodes:
            if node not in KINDS:
                raise ValueError(f'nodes: no node {node!r}{_near(node, KINDS)}; there are {known}')
        if not self.nodes or len(set(self.nodes)) < len(self.nodes):
            raise ValueError(f'nodes = {list(self.nodes)}; it must name each node once: {known}')
        for text in self.remap:
            if len([side for side in text.split(':=') if side]) != 2:
                raise ValueError(f'remap: {text!r}; it must be like `old:=new`')


def read(path: Path) -> Given:
    """Read a parameter file: every section's keys, dotted."""
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
        given[str(name)] = _flat(inner)
    return given


def parse(text: str) -> tuple[str, str, Any]:
    """Take `node.key=value` apart."""
    left, equals, right = text.partition('=')
    node, dot, key = left.strip().partition('.')
    if not (equals and dot and key):
        raise ConfigurationError(f'{text!r}; it must be like gate.limits.speed=0.1')
    try:
        return node, key, yaml.safe_load(right)
    except yaml.YAMLError:
        return node, key, right


def with_sets(given: Given, sets: Sequence[tuple[str, str, Any]]) -> Given:
    """Add values (node, key, value), which win over what was given."""
    result = {node: dict(values) for node, values in given.items()}
    for node, key, value in sets:
        result.setdefault(node, {})[key] = value
    return result


def check(given: Given) -> tuple[CellParameters, dict[str, Any], dict[str, dict[str, Value]]]:
    """Refuse what no node takes; gives the cell, and parameters and values of its nodes.

    Sections of nodes that do not start are checked all the same.
    """
    for name in given:
        if name != CELL and name not in KINDS:
            near = _near(name, KINDS)
            raise ConfigurationError(f'no node {name!r}{near}; there are {", ".join(KINDS)}')
    cell, _ = _check_section(CELL, CellParameters, given.get(CELL, {}))
    filled, values = {}, {}
    for node in {**dict.fromkeys(cell.nodes), **given}:
        if node != CELL:
            filled[node], values[node] = _check_section(
                node, parameters_of(node), given.get(node, {})
            )
    return cell, filled, values


def _check_section(
    node: str, parameters: type, given: Mapping[str, Any]
) -> tuple[Any, dict[str, Value]]:
    """Check one node's values; gives its filled dataclass and what was given, of the right type."""
    from robo_dopamine_ros.ros.params import ParameterError, build, flatten

    leaves = flatten(parameters)
    values = {}
    for key, value in given.items():
        if key not in leaves:
            near = _near(key, leaves) or '; docs/parameters.md lists them'
            raise ConfigurationError(f'{node}.{key}: no such parameter{near}')
        values[key] = _fitting(f'{node}.{key}', leaves[key].kind, value)
        if (limits := leaves[key].range) and not limits[0] <= values[key] <= limits[1]:
            raise ConfigurationError(
                f'{node}.{key} = {value}; it must lie in {limits[0]}..{limits[1]}'
            )
    whole = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    try:
        return build(parameters, whole), values
    except ParameterError as error:
        raise ConfigurationError(f'{node}: {error}') from error


def _fitting(name: str, kind: Any, value: Any) -> Any:
    """Give a value as a parameter of this kind; whole numbers may stand for others."""
    if typing.get_origin(kind) is tuple:
        (one, _) = typing.get_args(kind)
        if isinstance(value, list | tuple) and all(_fits(one, element) for element in value):
            return [one(element) for element in value]
        raise ConfigurationError(f'{name} = {value!r}; it must be a list, each {WORDS[one]}')
    if kind is float and isinstance(value, str) and re.fullmatch(EXPONENT, value):
        return float(value)
    if not _fits(kind, value):
        raise ConfigurationError(f'{name} = {value!r}; it must be {WORDS[kind]}')
    return kind(value)


def _fits(kind: type, value: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind


def _flat(section: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f'{prefix}{key}.'))
        else:
            flat[f'{prefix}{key}'] = value
    return flat


def _near(word: str, known: Collection[str]) -> str:
    """Suggest the known word that was probably meant."""
    tails = sorted((k for k in known if k.split('.')[-1] == word.split('.')[-1]), key=len)
    best = tails or difflib.get_close_matches(word, known, 1)
    return f'; did you mean {best[0]}?' if best else ''
