"""A tracked hand, as PoseStamped on teleop/pose; the dead-man is its clutch.

Pressing the clutch anchors the hand, and the tool then moves as far as the hand moves from there.
Releasing and pressing it again sets a new anchor, so that the hand can be repositioned. Stamps are
not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robo_dopamine_ros.geometry import (
    IDENTITY_QUATERNION,
    apply_rotation,
    integrate_twist,
    rotate_twist,
    rotation_between,
)
from robo_dopamine_ros.teleop.deadman import DeadManConfig, DeadManSwitch
from robo_dopamine_ros.teleop.device import ZERO_TWIST, DeviceReading, InvalidReadingError
from robo_dopamine_ros.teleop.mapping import SpeedLimits, finite_array
from robo_dopamine_ros.teleop.twist_stream import check_stream_config
from robo_dopamine_ros.types import Pose

TOPIC, TYPE = 'teleop/pose', 'geometry_msgs/msg/PoseStamped'


@dataclass(frozen=True)
class TrackedHandConfig:
    """Mapping of a hand's motion to that of the tool."""

    scale: float = 1.0  # translation of the tool per translation of the hand
    angular_scale: float = 1.0  # rotation of the tool per rotation of the hand
    gain: float = 8.0  # proportional gain of following the hand [1/s]
    timeout: float = 0.2  # without a pose for so long the device is dead [s]
    dead_man: DeadManConfig = field(default_factory=DeadManConfig)

    def __post_init__(self) -> None:
        check_stream_config(self.scale, self.angular_scale, self.timeout)
        if not 0 < self.gain <= 20:
            raise ValueError(f'gain = {self.gain} 1/s; it must be above 0, at most 20')


class TrackedHand:
    """A stream of hand poses, followed while the dead-man is held."""

    touch = 'move the hand, or press the dead-man once'

    def __init__(self, config: TrackedHandConfig, limits: SpeedLimits, frame: str):
        """`frame` base: poses are in the base frame; tool: the hand's own axes are the tool's."""
        self._config, self._limits, self._frame = config, limits, frame
        self._dead_man = DeadManSwitch(config.dead_man)
        self.topics: Mapping[str, str] = {TOPIC: TYPE, **self._dead_man.topics}
        self.timeout = config.timeout
        self._anchor: Pose | None = None
        self._hand: tuple[float, ...] = ()  # the pose as it was received

    def on_message(self, topic: str, value: Any, now: float) -> DeviceReading:
        """Convert a pose of the hand, or a message of the dead-man's topic."""
        if topic != TOPIC:
            pressed = self._dead_man.on_message(topic, value, now)
            if not self._dead_man.held:
                self._anchor = None
            return self._dead_man.reading(None, self._hand, pressed)
        hand = checked_pose(topic, value)
        self._hand = (*hand.position.tolist(), *hand.orientation.tolist())
        if not self._dead_man.is_alive(now):
            return self._dead_man.reading(None, self._hand)
        if not self._dead_man.held:
            return self._dead_man.reading(ZERO_TWIST, self._hand)
        if self._anchor is None:
            self._anchor, self._requested = hand, Pose(np.zeros(3), IDENTITY_QUATERNION)
            self._twist, self._received_at = ZERO_TWIST, now
        return self._dead_man.reading(self._follow(self._anchor, hand, now), self._hand)

    def lost(self, now: float) -> str:
        """Return why the dead-man's topic counts as gone."""
        return self._dead_man.lost(now)

    def poll(self, now: float) -> None:
        """Return None: only messages count."""

    def _follow(self, anchor: Pose, hand: Pose, now: float) -> np.ndarray:
        """Return the twist from the motion `requested` since the anchor to that of the hand."""
        duration = min(now - self._received_at, self.timeout)
        self._requested = integrate_twist(self._requested, self._twist, duration)
        config, requested = self._config, self._requested
        translation = config.scale * (hand.position - anchor.position) - requested.position
        turn = config.angular_scale * rotation_between(anchor.orientation, hand.orientation)
        rotation = rotation_between(
            requested.orientation, apply_rotation(IDENTITY_QUATERNION, turn)
        )
        self._twist = self._limits.limit(config.gain * np.append(translation, rotation))
        self._received_at = now
        if self._frame == 'base':
            return self._twist
        return rotate_twist(self._twist, _inverse(hand.orientation))


def checked_pose(topic: str, pose: Pose) -> Pose:
    """Return the pose with a unit quaternion; InvalidReadingError if it cannot be one."""
    position = finite_array(topic, pose.position, 3)
    quaternion = finite_array(topic, pose.orientation, 4)
    if not 0.5 < (norm := float(np.linalg.norm(quaternion))) < 2.0:
        text = f'{topic}: orientation {quaternion.tolist()}; it must be a unit quaternion'
        raise InvalidReadingError(text)
    return Pose(position, quaternion / norm)


def _inverse(orientation: np.ndarray) -> np.ndarray:
    x, y, z, w = orientation
    return np.array([-x, -y, -z, w])
