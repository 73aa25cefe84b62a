"""Parameters of the teleoperation node, its devices by name, and their subscriptions."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import Joy as JoyMessage

from robo_dopamine_ros.ros.convert import decode_driver_message
from robo_dopamine_ros.ros.interfaces import get_interface
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.ros.topics import reliable, sensor_data
from robo_dopamine_ros.teleop import tracked_hand, twist_stream
from robo_dopamine_ros.teleop.command_mapper import TeleopMotion
from robo_dopamine_ros.teleop.device import Device
from robo_dopamine_ros.teleop.joy import JoyConfig, JoyDevice, JoyState
from robo_dopamine_ros.teleop.keyboard import (
    KEYS,
    Keyboard,
    KeyboardConfig,
    NoTerminalError,
    RawTerminal,
)
from robo_dopamine_ros.teleop.spacenav import SpaceMouse, SpaceMouseConfig
from robo_dopamine_ros.teleop.tracked_hand import TrackedHand, TrackedHandConfig
from robo_dopamine_ros.teleop.twist_stream import TwistStream, TwistStreamConfig

STREAMS = (twist_stream.TYPE, tracked_hand.TYPE)  # newest only; of button messages none is lost


@dataclass(frozen=True)
class TeleopParameters:
    """The device, and how its motion and buttons are mapped."""

    device: str = 'joy'  # joy, spacenav, twist, pose, or keyboard (needs a terminal)
    person: str = 'teleoperator'  # name given to services, as who takes over and who decides
    base_frame: str = 'base'  # the arm's base frame, that of the gate
    stop_lock: bool = False  # publish stop_lock: unlocked while the device is alive
    motion: TeleopMotion = field(default_factory=TeleopMotion)
    joy: JoyConfig = field(default_factory=JoyConfig)
    spacenav: SpaceMouseConfig = field(default_factory=SpaceMouseConfig)
    twist: TwistStreamConfig = field(default_factory=TwistStreamConfig)
    pose: TrackedHandConfig = field(default_factory=TrackedHandConfig)
    keyboard: KeyboardConfig = field(default_factory=KeyboardConfig)

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ValueError(f'device = {self.device!r}; it must be one of {", ".join(DEVICES)}')


DEVICES: dict[str, Callable[[TeleopParameters], Device]] = {
    'joy': lambda p: JoyDevice(p.joy, p.motion.limits),
    'spacenav': lambda p: SpaceMouse(p.spacenav, p.motion.limits),
    'twist': lambda p: TwistStream(p.twist, p.motion.limits),
    'pose': lambda p: TrackedHand(p.pose, p.motion.limits, p.motion.frame),
    'keyboard': lambda p: Keyboard(p.keyboard, p.motion.limits),
}


class DeviceSubscriber:
    """Subscribes to the topics of a device, or opens the terminal of one that has none."""

    def __init__(self, node: Node, device: Device, on_message: Callable[[str, Any], None]):
        """`on_message` gets topic and value; ParameterError for a keyboard without a terminal."""
        self._node, self._topics, self._callback = node, tuple(device.topics), on_message
        for topic, kind in device.topics.items():
            callback = partial(self._on_message, topic)
            qos = sensor_data(10) if kind in STREAMS else reliable(10)
            node.create_subscription(get_interface(kind), topic, callback, qos)
        try:
            self._terminal = None if device.topics else RawTerminal.open(sys.stdin)
        except NoTerminalError as error:
            raise ParameterError(f'{error}; run `robo-dopamine teleop` in one') from error

    def poll(self) -> None:
        """Pass on the keys that were typed."""
        if self._terminal and (keys := self._terminal.read()):
            self._callback(KEYS, keys)

    def missing_publishers(self) -> str:
        """Name the topics that have no publisher; empty when all have one."""
        lost = [topic for topic in self._topics if not self._node.count_publishers(topic)]
        return f'nobody publishes {", ".join(lost)}' if lost else ''

    def close(self) -> None:
        """Restore the terminal."""
        if self._terminal:
            self._terminal.close()

    def _on_message(self, topic: str, message: Any) -> None:
        if isinstance(message, JoyMessage):
            self._callback(topic, JoyState(tuple(message.axes), tuple(message.buttons)))
        else:
            self._callback(topic, decode_driver_message(message))
