"""The keyboard of a terminal, which sends characters only, repeated while a key is down.

A repeating key is therefore its own dead-man: when the repetition stops, the tool stops. A terminal
delays the first repetition, so a tap is a short motion, and the tool pauses before it goes on. Only
the key pressed last repeats, so the tool moves along one axis at a time.
"""

import atexit
import math
import os
import select
import termios
import tty
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TextIO

import numpy as np

from robo_dopamine_ros.teleop.device import ZERO_TWIST, ButtonEvent, DeviceReading
from robo_dopamine_ros.teleop.held_press import HELD_EVENTS, PRESS
from robo_dopamine_ros.teleop.mapping import MOTIONS, SpeedLimits

KEYS = 'keys'  # in place of a topic: characters as they were typed
MOTION_KEYS = {
    'w': 'x', 's': '-x', 'a': 'y', 'd': '-y', 'e': 'z', 'q': '-z',
    'j': '-roll', 'l': 'roll', 'i': 'pitch', 'k': '-pitch', 'u': 'yaw', 'o': '-yaw',
}  # fmt: skip
EVENT_KEYS = {
    ' ': ButtonEvent.STOP, 't': ButtonEvent.TAKE_OVER, 'b': ButtonEvent.RELEASE,
    'g': ButtonEvent.GRIPPER, '\n': ButtonEvent.START, '1': ButtonEvent.SUCCESS,
    '0': ButtonEvent.FAILURE, 'Z': ButtonEvent.REARM, '+': ButtonEvent.FASTER,
    '-': ButtonEvent.SLOWER,
}  # fmt: skip
ENABLE_KEY = 'h'
MOTION_HELP = (
    ('w / s', 'forward / back'), ('a / d', 'left / right'), ('e / q', 'up / down'),
    ('i / k', 'tip forward / back'), ('j / l', 'tip left / right'), ('u / o', 'turn left / right'),
)  # fmt: skip
KEY_LABELS = {' ': 'space', '\n': 'enter', 'Z': 'shift Z'}
ARROWS = {'\x1b[A': 'w', '\x1b[B': 's', '\x1b[D': 'a', '\x1b[C': 'd'}  # as terminals send them
REPEAT_INTERVAL = 0.7  # a key that comes again sooner was held, not pressed again [s]
REPEATED_EVENTS = (ButtonEvent.FASTER, ButtonEvent.SLOWER)  # repetitions count as well


@dataclass(frozen=True)
class KeyboardConfig:
    """Timing of the keyboard."""

    hold: float = 0.15  # a key counts as down for so long after its last character [s]

    def __post_init__(self) -> None:
        if not 0.05 <= self.hold <= 0.5:
            raise ValueError(f'hold = {self.hold} s; it must be in 0.05..0.5')


class Keyboard:
    """Keys that move the tool, and keys that trigger an event."""

    topics: Mapping[str, str] = {}
    timeout = math.inf
    touch = 'type a key once'

    def __init__(self, config: KeyboardConfig, limits: SpeedLimits):
        self._hold, self._limits = config.hold, limits
        self._twist, self._received_at = ZERO_TWIST, -math.inf  # of the newest key; [s]
        self._typed_at: dict[str, float] = {}  # [s] by key
        self._pressed_at: dict[str, float] = {}  # begin of the repetition [s]; infinite: it counted
        self._notice = ''
        self._enabled_at = -math.inf  # newest character of ENABLE_KEY [s]
        self._count = 0  # of characters typed

    def on_message(self, topic: str, value: str, now: float) -> DeviceReading:
        """Convert the characters typed; unknown ones are ignored."""
        for sequence, key in ARROWS.items():
            value = value.replace(sequence, key)
        pressed = set()
        self._count += len(value)
        for key in value:
            repeated = now - self._typed_at.get(key, -math.inf) < REPEAT_INTERVAL
            self._typed_at[key] = now
            self._pressed_at[key] = self._pressed_at[key] if repeated else now
            event = EVENT_KEYS.get(key)
            if key == ENABLE_KEY:
                self._enabled_at = now
            elif key in MOTION_KEYS:
                self._twist, self._received_at = self._motion(MOTION_KEYS[key]), now
            elif event in HELD_EVENTS:
                pressed |= self._held_press(key, event, now)
            elif event and (event in REPEATED_EVENTS or not repeated):
                pressed.add(event)
            if event is ButtonEvent.GRIPPER:  # it moves the gripper, so it is a dead-man as well
                self._twist, self._received_at = ZERO_TWIST, now
        reading = self.poll(now)
        return replace(reading, pressed=frozenset(pressed))

    def poll(self, now: float) -> DeviceReading:
        """Return the motion of the newest key while it counts as down."""
        held = now - self._received_at <= self._hold
        return DeviceReading(
            held,
            self._twist if held else ZERO_TWIST,
            enabled=now - self._enabled_at <= self._hold,
            reported=(float(self._count),),
            notice=self._notice,
        )

    def lost(self, now: float) -> str:
        """Return nothing: a terminal that ends, ends the node."""
        return ''

    def _held_press(self, key: str, event: ButtonEvent, now: float) -> set[ButtonEvent]:
        """Return the event once its key has repeated for PRESS, or was pressed again after it."""
        if now - self._pressed_at[key] < PRESS:
            if self._pressed_at[key] < math.inf:
                self._notice = f'{event.value}: keep holding for {PRESS:g} s'
            return set()
        self._notice, self._pressed_at[key] = '', math.inf
        return {event}

    def _motion(self, name: str) -> np.ndarray:
        fractions = np.zeros(6)
        fractions[MOTIONS.index(name.removeprefix('-'))] = -1.0 if name.startswith('-') else 1.0
        return self._limits.to_twist(fractions)


def key_table() -> tuple[tuple[str, str], ...]:
    """Return every key and its function, to be shown to a person."""
    events = ((KEY_LABELS.get(key, key), event.value) for key, event in EVENT_KEYS.items())
    enable = (ENABLE_KEY, 'enable, held')
    return (*MOTION_HELP, enable, *((key, meaning.replace('_', ' ')) for key, meaning in events))


class NoTerminalError(RuntimeError):
    """Standard input is no terminal to read keys from."""


class RawTerminal:
    """A terminal in cbreak mode: keys are read without waiting for enter, Ctrl-C interrupts."""

    def __init__(self, descriptor: int, attributes: list[Any]):
        """`attributes` are those that `close` restores; see `open`."""
        self._descriptor, self._attributes = descriptor, attributes

    @classmethod
    def open(cls, stream: TextIO) -> 'RawTerminal':
        """Put the terminal of a stream into cbreak mode until `close`, or the process ends."""
        if not stream.isatty():
            raise NoTerminalError('device = keyboard, but no terminal to read keys from')
        terminal = cls(stream.fileno(), termios.tcgetattr(stream.fileno()))
        atexit.register(terminal.close)
        tty.setcbreak(stream.fileno())
        return terminal

    def read(self) -> str:
        """Return the characters typed since the last call."""
        if not select.select([self._descriptor], [], [], 0)[0]:
            return ''
        return os.read(self._descriptor, 4096).decode(errors='ignore')

    def close(self) -> None:
        """Restore the terminal's attributes."""
        atexit.unregister(self.close)
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._attributes)
