"""What a cell said, kept with its stamps, and what that means for the arm."""

import bisect
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from _wire import CAMERA, near_end

from robo_dopamine_ros.arms.crisp import POSE
from robo_dopamine_ros.nodes.observer import Observer
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import control_from_msg, from_time
from robo_dopamine_ros.ros.interfaces import interface
from robo_dopamine_ros.ros.topics import Topic, newest, reliable
from robo_dopamine_ros.ros.values import to_value
from robo_dopamine_ros.teleop.joy import TOPIC as JOY
from robo_dopamine_ros.teleop.joy import TYPE as JOY_TYPE
from robo_dopamine_ros.types import SECOND, Control

STILL = 0.0005  # [m] from where the arm stays in the end
ARM = near_end(POSE.name)  # the arm's own word, whatever becomes of the wire to the gate
BEATS = {  # what each process says all the time while it lives
    'sim': (ARM, POSE.type),
    'state': (POSE.name, POSE.type),
    'camera': (CAMERA.name, 'sensor_msgs/msg/Image'),
    'gamepad': (JOY, JOY_TYPE),
    'lock': (topics.STOP_LOCK.name, 'std_msgs/msg/Bool'),
    'teleop': (near_end(topics.STOP_LOCK.name), 'std_msgs/msg/Bool'),
    'gate': (topics.CONTROL.name, 'robo_dopamine/msg/Control'),
    'policy': (topics.POLICY_COMMAND.name, 'robo_dopamine/msg/ArmCommand'),
    'conductor': (topics.EPISODE.name, 'robo_dopamine/msg/Episode'),
    'reward': (topics.PROGRESS.name, 'robo_dopamine/msg/Progress'),
}


@dataclass(frozen=True)
class Place:
    """Where the tool was."""

    stamp: int  # [ns]
    position: np.ndarray  # (3,) [m]


class Tape(Observer):
    """Keeps control, the tool's places, diagnostics, and when each process was heard last."""

    def __init__(self) -> None:
        super().__init__('tape')
        self.controls: list[Control] = []
        self.places: list[Place] = []
        self.health: list[tuple[int, str, str]] = []  # arrival [ns], status, its words
        self.heard: dict[str, int] = {}  # process -> arrival of its newest message [ns]
        self.keep(topics.CONTROL, control_from_msg, self.controls)
        pose = Topic(ARM, interface(POSE.type), reliable(10), None, 'sim', 'gate', 'the tool')
        self.keep(pose, _place, self.places)
        self.keep(topics.DIAGNOSTICS, self._on_health, [])
        for process, (topic, kind) in BEATS.items():
            self.node.create_subscription(
                interface(kind), topic, self._ear(process), newest(1), raw=True
            )

    def _ear(self, process: str) -> Any:
        def hear(_: bytes) -> None:
            self.heard[process] = time.time_ns()

        return hear

    def _on_health(self, message: Any) -> None:
        now = time.time_ns()
        self.health += [(now, status.name, status.message) for status in message.status]

    @property
    def control(self) -> Control | None:
        """The gate's newest word."""
        return self.controls[-1] if self.controls else None

    def control_since(self, stamp: int) -> Sequence[Control]:
        """All that the gate said since then."""
        return self.controls[bisect.bisect(self.controls, stamp, key=lambda c: c.stamp) :]

    def places_since(self, stamp: int) -> Sequence[Place]:
        """Where the tool was since then."""
        return self.places[bisect.bisect(self.places, stamp, key=lambda p: p.stamp) :]

    def health_since(self, stamp: int, status: str, words: str) -> str:
        """Give what a status said since then with these words in it, nothing if it did not."""
        begun = bisect.bisect(self.health, stamp, key=lambda h: h[0])
        said = (text for _, name, text in self.health[begun:] if name == status and words in text)
        return next(said, '')

    def speed(self, seconds: float) -> float:
        """How fast the tool moved of late [m/s]."""
        places = self.places_since(time.time_ns() - round(seconds * SECOND))
        if len(places) < 2:
            return 0.0
        track = np.array([place.position for place in places])
        way = np.linalg.norm(np.diff(track, axis=0), axis=1).sum()
        return float(way) * SECOND / (places[-1].stamp - places[0].stamp)


def standstill(places: Sequence[Place], stamp: int) -> tuple[float, float]:
    """When, after `stamp`, the tool came where it stays [s], and how far that was away [m]."""
    if not places:
        return math.inf, math.inf
    track = np.array([place.position for place in places])
    moving = np.flatnonzero(np.linalg.norm(track - track[-1], axis=1) > STILL)
    if len(moving) == 0:
        return 0.0, 0.0
    if moving[-1] + 2 >= len(places):
        return math.inf, math.inf
    came = places[moving[-1] + 1].stamp
    return (came - stamp) / SECOND, float(np.linalg.norm(track[-1] - track[0]))


def strayed(places: Sequence[Place]) -> float:
    """How far the tool got from where it was at first [m]."""
    if not places:
        return 0.0
    track = np.array([place.position for place in places])
    return float(np.linalg.norm(track - track[0], axis=1).max())


def _place(message: Any) -> Place:
    return Place(from_time(message.header.stamp), to_value(message).position)
