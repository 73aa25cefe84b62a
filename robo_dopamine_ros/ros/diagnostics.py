"""Diagnostics of a node on /diagnostics, at 1 Hz of the steady clock."""

import math
import socket
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import IntEnum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from robo_dopamine_ros.ros.cameras import CameraStats
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.topics import DIAGNOSTICS


class Level(IntEnum):
    """Level of a DiagnosticStatus (REP 107)."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Health:
    """State of one part of a node."""

    part: str
    level: Level = Level.OK
    message: str = 'ok'
    values: Mapping[str, object] = field(default_factory=dict)
    hardware: str = ''  # what it is about; empty: this computer


class Diagnostics:
    """Publishes the result of `check` at 1 Hz, also while simulated time is stopped."""

    def __init__(self, node: Node, check: Callable[[], Sequence[Health]]):
        self._node = node
        self._check = check
        self._publisher = node.create_publisher(DIAGNOSTICS.type, DIAGNOSTICS.name, DIAGNOSTICS.qos)
        create_steady_timer(node, 1.0, self.publish)

    def publish(self) -> None:
        """Publish now, as after a change."""
        name = self._node.get_fully_qualified_name().lstrip('/')
        message = DiagnosticArray(status=[to_status(h, name) for h in self._check()])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def to_status(health: Health, node: str) -> DiagnosticStatus:
    """Return the DiagnosticStatus of one part of a node."""
    return DiagnosticStatus(
        level=bytes([health.level]),
        name=f'{node}: {health.part}',
        message=health.message,
        hardware_id=health.hardware or socket.gethostname(),
        values=[KeyValue(key=k, value=_text(v)) for k, v in health.values.items()],
    )


class CameraMonitor:
    """Checks every view by the counts since the last update."""

    def __init__(self) -> None:
        self._refused: dict[tuple[str, str], int] = {}  # number up to the last update

    def update(self, views: Sequence[str], stats: CameraStats) -> list[Health]:
        """Return the health of every view: absent ones are errors.

        Refused images and a picture that repeats are warnings.
        """
        refused = dict(stats.refused)
        new = {key for key, number in refused.items() if number > self._refused.get(key, 0)}
        self._refused = refused
        return [self._check(view, stats, refused, new) for view in views]

    def _check(
        self,
        view: str,
        stats: CameraStats,
        refused: Mapping[tuple[str, str], int],
        new: Set[tuple[str, str]],
    ) -> Health:
        values = {
            'age [s]': stats.ages.get(view, math.nan),
            'polls without an image': stats.missed[view],
            **{f'refused, {kind}': n for (name, kind), n in refused.items() if name == view},
        }
        kinds = sorted(kind for name, kind in new if name == view)
        faults = [f'refused pictures: {", ".join(kinds)}'] if kinds else []
        faults += list(dict.fromkeys(c[view] for c in (stats.absent, stats.frozen) if view in c))
        level = Level.ERROR if view in stats.absent else Level.WARN if faults else Level.OK
        message = '; '.join(faults) or 'ok'
        return Health(f'camera {view}', level, message, values, f'camera {view}')


def _text(value: object) -> str:
    return f'{value:.3f}' if isinstance(value, float) else str(value)
