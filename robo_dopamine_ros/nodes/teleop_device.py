"""Parameters of the teleoperation node, its devices by name, and their subscriptions."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import Joy as JoyMessage

from robo_dopamine_ros.nodes.joy_driver_client import JoyDriverClient
from robo_dopamine_ros.ros.convert import decode_driver_message
from robo_dopamine_ros.ros.interfaces import get_interface
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.ros.topics import reliable, sensor_data
from robo_dopamine_ros.teleop import tracked_hand, twist_stream
from robo_dopamine_ros.teleop.command_mapper import TeleopMotion
from robo_dopamine_ros.teleop.deadman import DeadManConfig
from robo_dopamine_ros.teleop.device import Device
from robo_dopamine_ros.teleop.joy import DEFAULT_BUTTONS, JoyConfig, JoyDevice
from robo_dopamine_ros.teleop.joy import TOPIC as JOY
from robo_dopamine_ros.teleop.keyboard import (
    KEYS,
    Keyboard,
    KeyboardConfig,
    NoTerminalError,
    RawTerminal,
)
from robo_dopamine_ros.teleop.layouts import JoyState
from robo_dopamine_ros.teleop.mapping import ENABLE
from robo_dopamine_ros.teleop.spacenav import NO_ENABLE, SpaceMouse, SpaceMouseConfig
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
    enable: bool = False  # publish enable: true while the control of hold-to-run is held
    motion: TeleopMotion = field(default_factory=TeleopMotion)
    joy: JoyConfig = field(default_factory=JoyConfig)
    spacenav: SpaceMouseConfig = field(default_factory=SpaceMouseConfig)
    twist: TwistStreamConfig = field(default_factory=TwistStreamConfig)
    pose: TrackedHandConfig = field(default_factory=TrackedHandConfig)
    keyboard: KeyboardConfig = field(default_factory=KeyboardConfig)

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ValueError(f'device = {self.device!r}; it must be one of {", ".join(DEVICES)}')
        if self.enable and (fault := self._no_enable()):
            raise ValueError(f'enable = true, device = {self.device}; {fault}')

    def _no_enable(self) -> str:
        """Return why the device cannot publish enable; empty: it can."""
        if self.device == 'spacenav':
            return NO_ENABLE
        if self.device in ('twist', 'pose') and ENABLE not in self._dead_man().buttons:
            return f'one of {self.device}.dead_man.buttons must be enable'
        if self.device == 'joy' and not self.joy.enables:
            return 'one of joy.axes or joy.buttons must be enable'
        return ''

    def _dead_man(self) -> DeadManConfig:
        return self.twist.dead_man if self.device == 'twist' else self.pose.dead_man

    @property
    def maps_joy(self) -> bool:
        """Whether the cell maps axes or buttons of the gamepad itself."""
        if self.device in ('twist', 'pose'):
            return self._dead_man().buttons != DEFAULT_BUTTONS
        return self.joy.custom


DEVICES: dict[str, Callable[[TeleopParameters], Device]] = {
    'joy': lambda p: JoyDevice(p.joy, p.motion.limits),
    'spacenav': lambda p: SpaceMouse(p.spacenav, p.motion.limits),
    'twist': lambda p: TwistStream(p.twist, p.motion.limits),
    'pose': lambda p: TrackedHand(p.pose, p.motion.limits, p.motion.frame),
    'keyboard': lambda p: Keyboard(p.keyboard, p.motion.limits),
}


class DeviceSubscriber:
    """Subscribes to the topics of a device, or opens the terminal of one that has none."""

    def __init__(
        self,
        node: Node,
        device: Device,
        parameters: TeleopParameters,
        on_message: Callable[[str, Any], None],
    ):
        """`on_message` gets topic and value; ParameterError for a keyboard without a terminal."""
        p = parameters
        self._joy = None
        if JOY in device.topics:
            self._joy = JoyDriverClient(node, JOY, p.joy.layout, p.maps_joy, p.joy.timeout)
        self._node, self._topics, self._callback = node, tuple(device.topics), on_message
        self._publishers: dict[str, set[bytes]] = {}  # all that were seen, by topic
        for topic, kind in device.topics.items():
            callback = partial(self._on_message, topic)
            qos = sensor_data(10) if kind in STREAMS else reliable(10)
            node.create_subscription(get_interface(kind), topic, callback, qos)
        try:
            self._terminal = None if device.topics else RawTerminal.open(sys.stdin)
        except NoTerminalError as error:
            raise ParameterError(f'{error}; run `robo-dopamine teleop` in one') from error

    def poll(self) -> None:
        """Pass on the keys that were typed; look who publishes joy."""
        if self._joy:
            self._joy.poll()
        if self._terminal and (keys := self._terminal.read()):
            self._callback(KEYS, keys)

    def convert(self, topic: str, value: Any) -> Any:
        """Return the value with a gamepad's axes and buttons in the standard order.

        None while the driver of the gamepad is not known; InvalidReadingError if it cannot be used.
        """
        return self._joy.translate(value) if self._joy and topic == JOY else value

    def missing(self) -> str:
        """Name what is missing before a reading counts; empty: nothing."""
        return self.missing_publishers() or (self._joy.reason if self._joy else '')

    def replaced_publishers(self) -> str:
        """Name a topic that has got another publisher since the last call; empty: none has.

        A driver that was started again knows nothing of the device that the old one reported.
        """
        replaced = ''
        for topic in self._topics:
            infos = self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(topic))
            found = {bytes(info.endpoint_gid) for info in infos}
            known = self._publishers.setdefault(topic, found)
            if known and found - known:
                replaced = f'{topic} has another publisher'
            self._publishers[topic] = known | found if found else known
        return replaced

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
