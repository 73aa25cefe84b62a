"""Which program publishes `joy`, and whether its messages can be read as commands.

The order of axes and buttons depends on the driver and, under joy_node, on the gamepad. Two of them
with the same counts differ, so a gamepad is used only if its order is known by name, or given.
"""

import math
from dataclasses import dataclass

from robo_dopamine_ros.teleop.device import InvalidReadingError
from robo_dopamine_ros.teleop.layouts import (
    AUTO,
    GAME_CONTROLLER,
    LAYOUTS,
    RAW,
    JoyState,
    known_layout,
    matching_layouts,
)

CHECK = 'robo-dopamine teleop --check'


@dataclass(frozen=True)
class JoyDriver:
    """What is known of the program that publishes `joy`."""

    node: str  # its name
    device: str = ''  # name of the gamepad; empty: not known
    autorepeat_rate: float | None = None  # [Hz]; None: it has no such parameter
    sticky_buttons: bool = False  # a button would stay down after it was let go

    @property
    def reads_gamepad(self) -> bool:
        """Whether it is a driver; any other program must publish in the documented order."""
        return self.autorepeat_rate is not None

    def fault(self, timeout: float) -> str:
        """Return why its messages prove nothing, with the parameter to set; empty: nothing."""
        least = math.ceil(2 / timeout)
        if self.sticky_buttons:
            return f'{self.node}: sticky_buttons = true; it must be false, or a dead-man stays held'
        if self.autorepeat_rate is not None and self.autorepeat_rate < least:
            return (
                f'{self.node}: autorepeat_rate = {self.autorepeat_rate:g} Hz; it must be {least} '
                'or more, or silence says nothing: start it with `-p autorepeat_rate:=20.0`'
            )
        return ''


def choose_layout(name: str, custom: bool, driver: JoyDriver, state: JoyState) -> str:
    """Return the layout to use: one of LAYOUTS, or 'raw' for the message as it is.

    `name` is the parameter joy.layout, `custom` whether the cell maps axes or buttons itself, which
    it then does in the driver's order. Raises InvalidReadingError if the order is not known.
    """
    if name != AUTO:
        layout = known_layout(name)
        if fault := layout.mismatch(state) if layout else '':
            raise InvalidReadingError(f'joy: {fault}; see `{CHECK}`')
        return name if layout else RAW
    if custom or not driver.reads_gamepad or GAME_CONTROLLER in driver.node:
        return RAW
    found = matching_layouts(driver.device, state) if driver.device else []
    if len(found) == 1:
        return found[0].name
    device = f'gamepad {driver.device!r}' if driver.device else 'a gamepad of unknown name'
    known = ', '.join(layout.name for layout in LAYOUTS)
    pull = 'pull both triggers once, ' if len(found) > 1 else ''
    raise InvalidReadingError(
        f'joy: {device} under {driver.node}, with {len(state.axes)} axes and '
        f'{len(state.buttons)} buttons: their order is not known; {pull}use game_controller_node, '
        f'set joy.layout ({known}), or map it by `{CHECK}`'
    )
