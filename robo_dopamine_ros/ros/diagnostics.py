"""Health of a node on /diagnostics, once a second, by the steady clock."""

import math
from collections import Counter
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


class CameraWatch:
    """Judges every view by what happened since the last look."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()  # view -> pictures refused up to the last look

    def look(self, views: Sequence[str], counts: CameraCounts) -> list[Health]:
        """Absent views are errors, refused pictures of others are warnings; both by name."""
        return [self._judge(view, counts) for view in views]

    def _judge(self, view: str, counts: CameraCounts) -> Health:
        refused = {reason: n for (name, reason), n in list(counts.refused.items()) if name == view}
        fresh = sum(refused.values()) > self._seen[view]
        self._seen[view] = sum(refused.values())
        values = {
            'age [s]': counts.ages.get(view, math.nan),
            'looks without a picture': counts.missed[view],
            **{f'refused, {reason}': n for reason, n in refused.items()},
        }
        faults = [f'refused pictures: {", ".join(sorted(refused))}'] if fresh else []
        faults += [counts.absent[view]] if view in counts.absent else []
        level = Level.ERROR if view in counts.absent else Level.WARN if fresh else Level.OK
        return Health(f'camera {view}', level, '; '.join(faults) or 'ok', values)


def _text(value: object) -> str:
    return f'{value:.3f}' if isinstance(value, float) else str(value)
