"""Frames, origins and poses of a cell that only several nodes together show to be wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from robo_dopamine_ros.nodes.cell_config import CellParameters, ConfigurationError

EQUAL = (  # a key of a node, and the key of the same meaning in another
    ('teleop.base_frame', 'gate.driver.base_frame'),
    ('policy.base_frame', 'gate.driver.base_frame'),
    ('sim.base_frame', 'gate.driver.base_frame'),
    ('sim.tool_frame', 'gate.driver.tool_frame'),
    ('recorder.origin', 'policy.origin'),
    ('recorder.tip_offset', 'policy.tip_offset'),
    ('scripted_operator.tip_offset', 'policy.tip_offset'),
)
NEEDED = {  # node -> node without which it never acts, and why
    'policy': ('recorder', 'it acts only while its steps are stored'),
}


def check_frames(cell: CellParameters, nodes: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where nodes would refuse one another's messages, or wait for ever.

    `nodes` are the filled parameters by node; the cell is as its file describes it, with nodes that
    are started elsewhere.
    """
    started = {node: nodes[node] for node in cell.nodes}
    for key, other in EQUAL:
        values = _value(started, key), _value(started, other)
        if None not in values and values[0] != values[1]:
            raise ConfigurationError(
                f'{key} = {values[0]!r}, {other} = {values[1]!r}; they must be the same'
            )
    for node, (needed, reason) in _missing(started):
        raise ConfigurationError(
            f'{node} needs the node {needed}, which the cell does not have: {reason}; add it to '
            f'cell.nodes (and --without {needed} where it is started elsewhere)'
        )
    if 'gate' in started:
        _check_points(started)


def _missing(started: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    needed = {node: other for node, other in NEEDED.items() if node in started}
    if 'episode_manager' in started and started['episode_manager'].episodes.require_recorder:
        needed['episode_manager.episodes.require_recorder'] = ('recorder', 'no episode would start')
    yield from ((node, other) for node, other in needed.items() if other[0] not in started)


def _check_points(started: Mapping[str, Any]) -> None:
    """The home pose and the centre of the workspace must lie in the gate's box."""
    limits, points = started['gate'].limits, {}
    if 'episode_manager' in started and started['episode_manager'].resets.strategy == 'motion':
        points['episode_manager.resets.home.position'] = (
            started['episode_manager'].resets.home.position,
            'the reset would never arrive',
        )
    if 'policy' in started:
        points['policy.origin'] = (
            started['policy'].origin,
            'it must be the centre of the workspace, base frame',
        )
    for key, (point, why) in points.items():
        bounds = zip('xyz', limits.low, point, limits.high, strict=True)
        outside = [axis for axis, low, value, high in bounds if not low <= value <= high]
        if outside:
            raise ConfigurationError(
                f'{key} = {list(point)} m; its {", ".join(outside)} lies outside the box of the '
                f'gate, limits.low = {list(limits.low)} to limits.high = {list(limits.high)}: {why}'
            )


def _value(started: Mapping[str, Any], key: str) -> Any:
    """Value of a dotted key `node.field.field`; None if the node is not started."""
    node, *path = key.split('.')
    value = started.get(node)
    for name in path if value is not None else ():
        value = getattr(value, name)
    return value
