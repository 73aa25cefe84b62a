"""Orders of axes and buttons of gamepads under joy_node, and their translation to one order.

That order is the one of game_controller_node: axes LX LY RX RY LT RT, buttons as in `joy.BUTTONS`.
joy_node has the order of the kernel's driver, and a directional pad is two axes of it. Sources: the
tables of xpad, xpadneo and hid-playstation as SDL numbers them, ros2/teleop_twist_joy#40,
ros-drivers/joystick_drivers#216.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robo_dopamine_ros.teleop.device import InvalidReadingError

REST = 0.9  # a trigger under joy_node reads 1 when it is not pulled


@dataclass(frozen=True)
class JoyState:
    """Content of a Joy message."""

    axes: tuple[float, ...]
    buttons: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The order of one kind of gamepad; a kind is known by its device name and its counts."""

    name: str
    device: str  # pattern of the device's name
    axes: tuple[int, ...]  # index of LX LY RX RY LT RT
    buttons: tuple[int, ...]  # index of A B X Y BACK GUIDE START LSTICK RSTICK LB RB
    counts: tuple[int, int]  # number of axes and of buttons
    pad: tuple[int, int] = (6, 7)  # axes of the directional pad: left positive, up positive

    def fits(self, device: str, state: JoyState) -> bool:
        """Whether a device of this name, in this state, may be of this kind."""
        named = re.search(self.device, device, re.IGNORECASE)
        return bool(named) and self.mismatch(state) == '' and self._rests(state)

    def mismatch(self, state: JoyState) -> str:
        """Say which counts are wrong for this layout; empty: none."""
        found = len(state.axes), len(state.buttons)
        if found == self.counts:
            return ''
        text = '{} axes and {} buttons'
        return f'{text.format(*found)}; layout {self.name} has {text.format(*self.counts)}'

    def to_standard(self, topic: str, state: JoyState) -> JoyState:
        """Return the state in the order of game_controller_node; InvalidReadingError by counts."""
        if fault := self.mismatch(state):
            raise InvalidReadingError(f'{topic}: {fault}')
        values = [state.axes[index] for index in self.axes]
        values[4:] = [(value - 1) / 2 for value in values[4:]]  # 1 .. -1 becomes 0 .. -1
        left, up = (state.axes[index] for index in self.pad)
        pad = (up > 0.5, up < -0.5, left > 0.5, left < -0.5)
        return JoyState(
            tuple(values), tuple(int(b) for b in (*(state.buttons[i] for i in self.buttons), *pad))
        )

    def _rests(self, state: JoyState) -> bool:
        """Whether only triggers read 1, as when they are not pulled; 0 before they first move."""
        resting = {index for index, value in enumerate(state.axes[: self.pad[0]]) if value > REST}
        return resting <= set(self.axes[4:])


XBOX = r'x-?box|x360|microsoft|8bitdo|logitech.*(f310|f510|f710)'
LAYOUTS = (
    Layout('xbox', XBOX, (0, 1, 3, 4, 2, 5), (0, 1, 2, 3, 6, 8, 7, 9, 10, 4, 5), (8, 11)),
    # over Bluetooth, as xpadneo and as the kernel's hid-microsoft order the axes
    Layout(
        'xbox_bluetooth', XBOX, (0, 1, 3, 4, 2, 5), (0, 1, 3, 4, 10, 12, 11, 13, 14, 6, 7), (8, 15)
    ),
    Layout(
        'xbox_bluetooth_hid',
        XBOX,
        (0, 1, 2, 3, 5, 4),
        (0, 1, 3, 4, 10, 12, 11, 13, 14, 6, 7),
        (8, 15),
    ),
    Layout(
        'playstation',
        r'sony|playstation|dualsense|dualshock|ps[345]|^wireless controller',
        (0, 1, 3, 4, 2, 5),
        (0, 1, 3, 2, 8, 10, 9, 11, 12, 4, 5),
        (8, 13),
    ),
)
AUTO, RAW, GAME_CONTROLLER = 'auto', 'raw', 'game_controller'
NAMES = (AUTO, RAW, GAME_CONTROLLER, *(layout.name for layout in LAYOUTS))


def known_layout(name: str) -> Layout | None:
    """Return the layout of a name; None for raw and game_controller, which need no translation."""
    return next((layout for layout in LAYOUTS if layout.name == name), None)


def matching_layouts(device: str, state: JoyState) -> Sequence[Layout]:
    """Return the layouts that a device of this name may have."""
    return [layout for layout in LAYOUTS if layout.fits(device, state)]
