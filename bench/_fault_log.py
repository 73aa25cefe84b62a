"""Log of a cell in the fault bench: control, tool positions, diagnostics, message arrivals."""

import bisect
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import _hands as hands
import numpy as np
from _relay import CAMERA, upstream

from robo_dopamine_ros.arms.crisp import CURRENT_POSE
from robo_dopamine_ros.nodes.cell_client import CellClient
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import decode_driver_message, from_msg, from_time
from robo_dopamine_ros.ros.interfaces import get_interface
from robo_dopamine_ros.ros.topics import Topic, reliable, sensor_data
from robo_dopamine_ros.teleop.joy import TOPIC as JOY
from robo_dopamine_ros.teleop.joy import TYPE as JOY_TYPE
from robo_dopamine_ros.teleop.spacenav import TOPIC as SPACENAV
from robo_dopamine_ros.types import SECOND, Control

STILL = 0.0005  # [m] from the final position, within which the arm stands still
ARM = upstream(CURRENT_POSE.name)  # the arm's own topic, before the relay to the gate
HEARTBEATS = {  # a topic that each process publishes as long as it runs
    'sim': (ARM, CURRENT_POSE.type),
    'state': (CURRENT_POSE.name, CURRENT_POSE.type),
    'camera': (CAMERA.name, 'sensor_msgs/msg/Image'),
    'lock': (topics.STOP_LOCK.name, 'std_msgs/msg/Bool'),
    'enable': (topics.ENABLE.name, 'std_msgs/msg/Bool'),
    'zone': (topics.SAFETY_ZONE.name, 'robo_dopamine/msg/SafetyZone'),
    'teleop': (upstream(topics.STOP_LOCK.name), 'std_msgs/msg/Bool'),
    'gate': (topics.CONTROL.name, 'robo_dopamine/msg/Control'),
    'policy': (topics.POLICY_COMMAND.name, 'robo_dopamine/msg/ArmCommand'),
    'episode_manager': (topics.EPISODE.name, 'robo_dopamine/msg/Episode'),
    'reward': (topics.PROGRESS.name, 'robo_dopamine/msg/Progress'),
}
DEVICES = {
    hands.JOY: {'gamepad': (JOY, JOY_TYPE)},
    hands.SPACENAV: {'spacenav': (SPACENAV, JOY_TYPE)},
}


def heartbeats(device: str) -> dict[str, tuple[str, str]]:
    """Return topic and type by process, in a cell with this device."""
    return HEARTBEATS | DEVICES[device]


@dataclass(frozen=True)
class ToolPosition:
    """Position of the tool."""

    stamp: int  # [ns]
    position: np.ndarray  # (3,) [m]


class FaultLog(CellClient):
    """Records control, tool positions, diagnostics and the newest arrival of each process."""

    def __init__(self, device: str = hands.JOY) -> None:
        """`device` is that of the operator."""
        super().__init__('fault_log')
        self.controls: list[Control] = []
        self.positions: list[ToolPosition] = []
        self.health: list[tuple[int, str, str]] = []  # arrival [ns], status, its message
        self.last_arrival: dict[str, int] = {}  # process -> arrival of its newest message [ns]
        self.subscribe(topics.CONTROL, from_msg, self.controls)
        pose = Topic(
            ARM, get_interface(CURRENT_POSE.type), reliable(10), None, 'sim', 'gate', 'the tool'
        )
        self.subscribe(pose, _position, self.positions)
        self.subscribe(topics.DIAGNOSTICS, self._on_health, [])
        for process, (topic, kind) in heartbeats(device).items():
            self.node.create_subscription(
                get_interface(kind), topic, self._on_heartbeat(process), sensor_data(1), raw=True
            )

    def _on_heartbeat(self, process: str) -> Any:
        def on_message(_: bytes) -> None:
            self.last_arrival[process] = time.time_ns()

        return on_message

    def _on_health(self, message: Any) -> None:
        now = time.time_ns()
        self.health += [(now, status.name, status.message) for status in message.status]

    @property
    def control(self) -> Control | None:
        """Newest control message of the gate."""
        return self.controls[-1] if self.controls else None

    def control_since(self, stamp: int) -> Sequence[Control]:
        """Control messages since `stamp` [ns]."""
        return self.controls[bisect.bisect(self.controls, stamp, key=lambda c: c.stamp) :]

    def positions_since(self, stamp: int) -> Sequence[ToolPosition]:
        """Tool positions since `stamp` [ns]."""
        return self.positions[bisect.bisect(self.positions, stamp, key=lambda p: p.stamp) :]

    def health_since(self, stamp: int, status: str, part: str) -> str:
        """The first message of a status since `stamp` [ns] that contains `part`, or ''."""
        first = bisect.bisect(self.health, stamp, key=lambda h: h[0])
        found = (text for _, name, text in self.health[first:] if name == status and part in text)
        return next(found, '')

    def speed(self, seconds: float) -> float:
        """Mean speed of the tool over the last `seconds` [m/s]."""
        positions = self.positions_since(time.time_ns() - round(seconds * SECOND))
        if len(positions) < 2:
            return 0.0
        track = np.array([one.position for one in positions])
        distance = np.linalg.norm(np.diff(track, axis=0), axis=1).sum()
        return float(distance) * SECOND / (positions[-1].stamp - positions[0].stamp)


def standstill(positions: Sequence[ToolPosition], stamp: int) -> tuple[float, float]:
    """Time from `stamp` [ns] to standstill [s], and the distance to the final position [m].

    Both are infinite without positions and while the tool still moves at the end.
    """
    if not positions:
        return math.inf, math.inf
    track = np.array([one.position for one in positions])
    moving = np.flatnonzero(np.linalg.norm(track - track[-1], axis=1) > STILL)
    if len(moving) == 0:
        return 0.0, 0.0
    if moving[-1] + 2 >= len(positions):
        return math.inf, math.inf
    stopped = positions[moving[-1] + 1].stamp
    return (stopped - stamp) / SECOND, float(np.linalg.norm(track[-1] - track[0]))


def max_displacement(positions: Sequence[ToolPosition]) -> float:
    """Largest distance of the tool from its first position [m]."""
    if not positions:
        return 0.0
    track = np.array([one.position for one in positions])
    return float(np.linalg.norm(track - track[0], axis=1).max())


def _position(message: Any) -> ToolPosition:
    return ToolPosition(from_time(message.header.stamp), decode_driver_message(message).position)
