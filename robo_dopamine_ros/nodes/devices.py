"""The device a person drives with: chosen by name, and heard on its topics or in the terminal."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import Joy as JoyMessage

from robo_dopamine_ros.ros.interfaces import interface
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.ros.topics import newest, reliable
from robo_dopamine_ros.ros.values import to_value
from robo_dopamine_ros.teleop import pose, twist
from robo_dopamine_ros.teleop.joy import Joy, JoyMap, Panel
from robo_dopamine_ros.teleop.keyboard import KEYS, Keyboard, KeyMap
from robo_dopamine_ros.teleop.pilot import Motion
from robo_dopamine_ros.teleop.pose import Hand, PoseMap
from robo_dopamine_ros.teleop.reading import Device
from robo_dopamine_ros.teleop.spacenav import SpaceMap, SpaceNav
from robo_dopamine_ros.teleop.terminal import NoTerminalError, Terminal
from robo_dopamine_ros.teleop.twist import Twist, TwistMap

STREAMS = (twist.TYPE, pose.TYPE)  # the others tell of buttons, of which none may be lost


@dataclass(frozen=True)
class TeleopParameters:
    """Which device a person drives with, and what its motion and buttons mean."""

    device: str = 'joy'  # joy, spacenav, twist, pose, or keyboard (needs a terminal)
    person: str = 'teleoperator'  # who is said to have taken over and to have decided
    base_frame: str = 'base'  # the arm's base frame, as the gate has it
    stop_lock: bool = False  # beat on stop_lock: unlocked while the device is alive
    motion: Motion = field(default_factory=Motion)
    joy: JoyMap = field(default_factory=JoyMap)
    spacenav: SpaceMap = field(default_factory=SpaceMap)
    twist: TwistMap = field(default_factory=TwistMap)
    pose: PoseMap = field(default_factory=PoseMap)
    keyboard: KeyMap = field(default_factory=KeyMap)

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ValueError(f'device = {self.device!r}; it must be one of {", ".join(DEVICES)}')


DEVICES: dict[str, Callable[[TeleopParameters], Device]] = {
    'joy': lambda p: Joy(p.joy, p.motion.pace),
    'spacenav': lambda p: SpaceNav(p.spacenav, p.motion.pace),
    'twist': lambda p: Twist(p.twist, p.motion.pace),
    'pose': lambda p: Hand(p.pose, p.motion.pace, p.motion.frame),
    'keyboard': lambda p: Keyboard(p.keyboard, p.motion.pace),
}


class Ears:
    """What the device says: `heard` gets each topic and value as it comes."""

    def __init__(self, node: Node, device: Device, heard: Callable[[str, Any], None]):
        """ParameterError for a keyboard without a terminal."""
        self._node, self._topics, self._heard = node, tuple(device.hears), heard
        for topic, kind in device.hears.items():
            callback = partial(self._on_message, topic)
            qos = newest(10) if kind in STREAMS else reliable(10)
            node.create_subscription(interface(kind), topic, callback, qos)
        try:
            self._terminal = None if device.hears else Terminal(sys.stdin)
        except NoTerminalError as error:
            raise ParameterError(f'{error}; run `robo-dopamine teleop` in one') from error

    def poll(self) -> None:
        """Hear what was typed."""
        if self._terminal and (keys := self._terminal.read()):
            self._heard(KEYS, keys)

    def deserted(self) -> str:
        """Topics nobody publishes (any more), empty when there are none."""
        lost = [topic for topic in self._topics if not self._node.count_publishers(topic)]
        return f'nobody publishes {", ".join(lost)}' if lost else ''

    def close(self) -> None:
        """Give the terminal back."""
        if self._terminal:
            self._terminal.close()

    def _on_message(self, topic: str, message: Any) -> None:
        is_panel = isinstance(message, JoyMessage)
        self._heard(topic, _panel(message) if is_panel else to_value(message))


def _panel(message: JoyMessage) -> Panel:
    return Panel(tuple(message.axes), tuple(message.buttons))
