"""Learns which axis and which button of a gamepad a person means, one function after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from robo_dopamine_ros.teleop.joy import DEFAULT_AXES
from robo_dopamine_ros.teleop.layouts import RAW, JoyState
from robo_dopamine_ros.teleop.mapping import ENABLE, MOTIONS

MOVED = 0.6  # of an axis from its rest position
AT_REST = 0.1
ASKED = (  # function, and what the person does
    ('x', 'push a stick forward'),
    ('y', 'push a stick to the left'),
    ('z', 'push a stick up'),
    ('yaw', 'push a stick to the left, to turn left'),
    ('dead_man', 'press the dead-man'),
    (ENABLE, 'pull the trigger, or press the button, of hold-to-run'),
    ('stop', 'press the button for stop'),
    ('gripper', 'press the button for the gripper'),
    ('release', 'press the button that hands the arm back'),
    ('take_over', 'press the button that takes over'),
    ('rearm', 'press the button for rearm'),
    ('start', 'press the button that starts an episode'),
    ('success', 'press the button for success'),
    ('failure', 'press the button for failure'),
    ('tilt', 'press the button that tilts while it is held'),
)
TILTED = {'x': 'pitch', 'y': '-roll'}  # motion of an axis while tilt is held


@dataclass(frozen=True)
class PadControl:
    """An axis, in the direction in which it was moved, or a button."""

    index: int
    sign: float | None = None  # None: a button

    def __str__(self) -> str:
        direction = '' if self.sign is None else f', {"positive" if self.sign > 0 else "negative"}'
        return f'{"button" if self.sign is None else "axis"} {self.index}{direction}'


def touched(rest: JoyState, state: JoyState) -> list[PadControl]:
    """Return the axes and buttons that are away from their rest state."""
    if (len(rest.axes), len(rest.buttons)) != (len(state.axes), len(state.buttons)):
        return []
    pairs = list(enumerate(zip(rest.axes, state.axes, strict=True)))
    axes = [PadControl(i, 1.0 if b > a else -1.0) for i, (a, b) in pairs if abs(b - a) > MOVED]
    downs = enumerate(zip(rest.buttons, state.buttons, strict=True))
    return [*axes, *(PadControl(i) for i, (before, now) in downs if now and not before)]


class PadMapping:
    """Asks for one function after another; `rest` is the state that nobody touches."""

    def __init__(self, rest: JoyState, asked: Sequence[tuple[str, str]] = ASKED):
        self.note = ''  # about the last thing touched
        self.chosen: dict[str, PadControl] = {}
        self._rest, self._asked = rest, list(asked)
        self._waits = False  # until everything is at rest again

    @property
    def function(self) -> str:
        """The function that is asked for; empty: all were."""
        return self._asked[0][0] if self._asked else ''

    @property
    def prompt(self) -> str:
        """What the person is to do."""
        if not self._asked:
            return ''
        return 'let go' if self._waits else f'{self._asked[0][1]} ({self.function})'

    def skip(self) -> None:
        """Leave the function without a control."""
        self._asked = self._asked[1:]

    def on_state(self, state: JoyState) -> None:
        """Take the single control that is touched for the function that is asked for."""
        found = touched(self._rest, state)
        if self._waits or not self._asked:
            self._waits = bool(found) or not self._is_at_rest(state)
            return
        if len(found) != 1:
            self.note = 'touch one control at a time' if found else self.note
            return
        if fault := self._fault(found[0]):
            self.note = fault
            return
        self.chosen[self.function] = found[0]
        self.note = f'{self.function}: {found[0]}'
        self._waits = True
        self.skip()

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of `joy` for this mapping, in the order of the driver."""
        axes, buttons = [''] * len(self._rest.axes), [''] * len(self._rest.buttons)
        for function, control in self.chosen.items():
            if control.sign is None:
                buttons[control.index] = function
            else:
                positive = control.sign > 0 if function in MOTIONS else control.sign < 0
                axes[control.index] = function if positive else f'-{function}'
        tilted = [_tilted(name) for name in axes]
        scales = [1.0] * len(axes)
        return {
            'layout': RAW, 'axes': axes, 'tilted': tilted, 'scales': scales, 'buttons': buttons
        }  # fmt: skip

    def _is_at_rest(self, state: JoyState) -> bool:
        pairs = zip(self._rest.axes, state.axes, strict=False)
        return all(abs(a - b) < AT_REST for a, b in pairs)

    def _fault(self, control: PadControl) -> str:
        """Return why the control cannot be for the function that is asked for."""
        taken = {(c.index, c.sign is None): name for name, c in self.chosen.items()}
        if name := taken.get((control.index, control.sign is None)):
            return f'{control} is {name} already'
        is_motion = self.function in DEFAULT_AXES and self.function != ENABLE
        if is_motion and control.sign is None:
            return f'{control}; it must be an axis'
        if not is_motion and self.function != ENABLE and control.sign is not None:
            return f'{control}; it must be a button'
        return ''


def _tilted(name: str) -> str:
    bare, inverted = name.removeprefix('-'), name.startswith('-')
    new = TILTED.get(bare, bare if bare != ENABLE else '')
    if inverted and new:
        return new.removeprefix('-') if new.startswith('-') else f'-{new}'
    return new
