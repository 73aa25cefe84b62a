"""Health of a node on /diagnostics, once a second, by the steady clock."""

import math
from collections.abc import Callable, Mapping, Sequence, Set
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


class CameraWatch:
    """Judges every view by what happened since the last look."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}  # refused pictures up to the last look

    def look(self, views: Sequence[str], counts: CameraCounts) -> list[Health]:
        """Absent views are errors, refused pictures of others are warnings; both by name."""
        refused = dict(counts.refused)
        fresh = {key for key, number in refused.items() if number > self._seen.get(key, 0)}
        self._seen = refused
        return [self._judge(view, counts, refused, fresh) for view in views]

    def _judge(
        self,
        view: str,
        counts: CameraCounts,
        refused: Mapping[tuple[str, str], int],
        fresh: Set[tuple[str, str]],
    ) -> Health:
        values = {
            'age [s]': counts.ages.get(view, math.nan),
            'looks without a picture': counts.missed[view],
            **{f'refused, {kind}': n for (name, kind), n in refused.items() if name == view},
        }
        now = sorted(kind for name, kind in fresh if name == view)
        faults = [f'refused pictures: {", ".join(now)}'] if now else []
        faults += [counts.absent[view]] if view in counts.absent else []
        level = Level.ERROR if view in counts.absent else Level.WARN if now else Level.OK
        return Health(f'camera {view}', level, '; '.join(faults) or 'ok', values)


def _text(value: object) -> str:
    return f'{value:.3f}' if isinstance(value, float) else str(value)
