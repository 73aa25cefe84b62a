"""Health of a node on /diagnostics, once a second, by the steady clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from robo_dopamine_ros.ros.cameras import CameraCounts
from robo_dopamine_ros.ros.topics import DIAGNOSTICS


class Level(IntEnum):
    """How bad it is, as REP 107 counts."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Health:
    """What one part of a node has to say."""

    part: str
    level: Level = Level.OK
    message: str = 'ok'
    values: Mapping[str, object] = field(default_factory=dict)


class Diagnostics:
    """Publishes what `look` finds, once a second, whether ROS time runs or not."""

    def __init__(self, node: Node, look: Callable[[], Sequence[Health]]):
        self._node = node
        self._look = look
        self._publisher = node.create_publisher(DIAGNOSTICS.type, DIAGNOSTICS.name, DIAGNOSTICS.qos)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(1.0, self.publish, clock=steady)

    def publish(self) -> None:
        """Say it now, as when something changed that people wait for."""
        name = self._node.get_fully_qualified_name().lstrip('/')
        message = DiagnosticArray(status=[to_status(h, name) for h in self._look()])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def to_status(health: Health, node: str) -> DiagnosticStatus:
    """Give the status of one part of a node."""
    return DiagnosticStatus(
        level=bytes([health.level]),
        name=f'{node}: {health.part}',
        message=health.message,
        hardware_id='',
        values=[KeyValue(key=k, value=_text(v)) for k, v in health.values.items()],
    )


def camera_health(view: str, counts: CameraCounts, refused_before: int) -> Health:
    """Judge one view: absent is an error, refused pictures since the last look are a warning."""
    refused = {reason: n for (name, reason), n in counts.refused.items() if name == view}
    values: dict[str, object] = {
        'age [s]': counts.ages.get(view, float('nan')),
        'looks without a picture': counts.missed[view],
        **{f'refused: {reason}': n for reason, n in refused.items()},
    }
    part = f'camera {view}'
    if sum(refused.values()) > refused_before:
        message = 'refuses pictures: ' + ', '.join(sorted(refused))
        level = Level.ERROR if view in counts.absent else Level.WARN
        return Health(part, level, message, values)
    if view in counts.absent:
        return Health(part, Level.ERROR, counts.absent[view], values)
    return Health(part, values=values)


def _text(value: object) -> str:
    return f'{value:.3f}' if isinstance(value, float) else str(value)
