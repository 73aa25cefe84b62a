"""ROS parameters from frozen dataclasses.

Type, default and trailing comment of a field become type, default and description of the
parameter; nested dataclasses become dotted names (`cameras.limits.max_age`). The checks are in
__post_init__.
"""

import dataclasses
import functools
import inspect
import io
import tokenize
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from robo_dopamine_ros.ros.retired import new_parameter

P = TypeVar('P')
TYPES: dict[Any, Parameter.Type] = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
    tuple[bool, ...]: Parameter.Type.BOOL_ARRAY,
    tuple[int, ...]: Parameter.Type.INTEGER_ARRAY,
    tuple[float, ...]: Parameter.Type.DOUBLE_ARRAY,
    tuple[str, ...]: Parameter.Type.STRING_ARRAY,
}
RCLPY_PARAMETERS = ('use_sim_time', 'start_type_description_service', 'qos_overrides')


class ParameterSpec(typing.NamedTuple):
    """One parameter: a field of a dataclass."""

    kind: Any
    default: Any
    description: str
    range: tuple[float, float] | None


class ParameterError(ValueError):
    """An unknown parameter, or a value that its type, range or check refuses."""


def declare(node: Node, parameters: type[P]) -> P:
    """Declare every field of a dataclass as a read-only parameter; returns the filled dataclass.

    Raises ParameterError for a value of wrong type or range, and for an override of an unknown
    parameter, because a misspelt name would otherwise run with the default.
    """
    values = {}
    for key, (kind, default, description, limits) in flatten(parameters).items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if limits and kind is float:
            low, high = map(float, limits)
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        elif limits:
            low, high = limits
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
        initial = _initial(node, key, TYPES[kind], default)
        try:
            value = node.declare_parameter(key, initial, descriptor).value
        except Exception as error:
            raise ParameterError(f'parameter {key}: {error}') from error
        values[key] = tuple(value or ()) if typing.get_origin(kind) is tuple else value
    refuse_unknown(node._parameter_overrides, values)
    return build(parameters, values)


def _initial(node: Node, key: str, kind: Parameter.Type, default: Any) -> Any:
    """Return the initial value for rclpy; for an empty list the type, which rclpy cannot infer."""
    if not isinstance(default, tuple):
        return default
    given = node._parameter_overrides
    if key in given and not given[key].value:
        del given[key]
        return kind
    return list(default) or kind


def refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raise ParameterError for unknown keys; for a retired one it gives the new name."""
    unknown = sorted(k for k in given if k not in known and k.split('.')[0] not in RCLPY_PARAMETERS)
    if not unknown:
        return
    renamed = {key: new for key in unknown if (new := new_parameter(key, known))}
    if renamed:
        raise ParameterError('; '.join(f'{key} is now {new}' for key, new in renamed.items()))
    raise ParameterError(
        f'no such parameter: {", ".join(unknown)}; there are {", ".join(sorted(known))}'
    )


def flatten(parameters: type, prefix: str = '') -> dict[str, ParameterSpec]:
    """Return every field by its dotted key; its range is the metadata `range`."""
    kinds = typing.get_type_hints(parameters)
    comments = _comments(parameters)
    leaves: dict[str, ParameterSpec] = {}
    for field in dataclasses.fields(parameters):
        kind, key = kinds[field.name], prefix + field.name
        if dataclasses.is_dataclass(kind):
            leaves.update(flatten(typing.cast(type, kind), f'{key}.'))
        elif kind in TYPES:
            factory = field.default_factory
            default = field.default if factory is dataclasses.MISSING else factory()
            limits = field.metadata.get('range')
            leaves[key] = ParameterSpec(kind, default, comments.get(field.name, ''), limits)
        else:
            raise TypeError(f'{parameters.__name__}.{field.name}: {kind} cannot be a ROS parameter')
    return leaves


def build(parameters: type[P], values: Mapping[str, Any], prefix: str = '') -> P:
    """Fill a dataclass from values by dotted key; ParameterError if its checks refuse them."""
    kinds = typing.get_type_hints(parameters)
    filled = {}
    for field in dataclasses.fields(typing.cast(Any, parameters)):
        key = prefix + field.name
        if dataclasses.is_dataclass(kinds[field.name]):
            filled[field.name] = build(kinds[field.name], values, f'{key}.')
        elif key in values:
            filled[field.name] = values[key]
    try:
        return parameters(**filled)
    except ValueError as error:
        where = f'{prefix[:-1]}: ' if prefix and not isinstance(error, ParameterError) else ''
        raise ParameterError(f'{where}{error}') from error


@functools.cache
def _comments(parameters: type) -> dict[str, str]:
    """Return the trailing comment of every field, from the source of the class and its bases."""
    bases = [base for base in parameters.__bases__ if dataclasses.is_dataclass(base)]
    inherited = {name: text for base in bases for name, text in _comments(base).items()}
    found: dict[str, str] = {}
    source = inspect.cleandoc(inspect.getsource(parameters))
    name = ''
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.start[1] == 4:
            name = token.string
        elif token.type == tokenize.COMMENT:
            found.setdefault(name, token.string.lstrip('# '))
    return inherited | found
