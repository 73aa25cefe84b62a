"""The keyboard of a terminal: it tells of letters only, again and again while a key is down.

So a key that repeats is its own dead-man: when it stops, the tool stops. A terminal waits a
moment before it repeats the first time, so a tap is a nudge, and the tool pauses before it goes
on. Only the key pressed last repeats, so the tool moves along one axis at a time.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.teleop.layout import MOTIONS
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.reading import STILL, Press, Reading

KEYS = 'keys'  # what it hears: letters as they were typed
MOVES = {
    'w': 'x', 's': '-x', 'a': 'y', 'd': '-y', 'e': 'z', 'q': '-z',
    'j': '-roll', 'l': 'roll', 'i': 'pitch', 'k': '-pitch', 'u': 'yaw', 'o': '-yaw',
}  # fmt: skip
PRESSES = {
    ' ': Press.STOP, 't': Press.TAKE_OVER, 'b': Press.RELEASE, 'g': Press.GRIPPER,
    '\n': Press.START, '1': Press.SUCCESS, '0': Press.FAILURE, 'Z': Press.REARM,
    '+': Press.FASTER, '-': Press.SLOWER,
}  # fmt: skip
MEANT = (
    ('w / s', 'forward / back'), ('a / d', 'left / right'), ('e / q', 'up / down'),
    ('i / k', 'tip forward / back'), ('j / l', 'tip left / right'), ('u / o', 'turn left / right'),
)  # fmt: skip
SHOWN = {' ': 'space', '\n': 'enter', 'Z': 'shift Z'}
ARROWS = {'\x1b[A': 'w', '\x1b[B': 's', '\x1b[D': 'a', '\x1b[C': 'd'}  # as terminals send them
AGAIN = 0.7  # a key that comes again sooner was held, not pressed anew [s]
STEPS = (Press.FASTER, Press.SLOWER)  # these count every time


@dataclass(frozen=True)
class KeyMap:
    """How the keyboard counts."""

    hold: float = 0.15  # a key counts as down for so long after it was heard [s]

    def __post_init__(self) -> None:
        if not 0.05 <= self.hold <= 0.5:
            raise ValueError(f'hold = {self.hold} s; it must be in 0.05..0.5')


class Keyboard:
    """Keys that move, and keys that press."""

    hears: Mapping[str, str] = {}
    silence = math.inf

    def __init__(self, layout: KeyMap, pace: Pace):
        self._hold, self._pace = layout.hold, pace
        self._twist, self._down = STILL, -math.inf  # of the newest key, and when it was heard [s]
        self._typed: dict[str, float] = {}

    def hear(self, topic: str, value: str, now: float) -> Reading:
        """Read what was typed; keys that mean nothing are passed over."""
        for sequence, key in ARROWS.items():
            value = value.replace(sequence, key)
        pressed = set()
        for key in value:
            again = now - self._typed.get(key, -math.inf) < AGAIN
            self._typed[key] = now
            press = PRESSES.get(key)
            if key in MOVES:
                self._twist, self._down = self._motion(MOVES[key]), now
            elif press and (press in STEPS or not again):
                pressed.add(press)
            if press is Press.GRIPPER:  # it moves the gripper, so it is a dead-man as well
                self._twist, self._down = STILL, now
        reading = self.look(now)
        return Reading(reading.held, reading.twist, frozenset(pressed))

    def look(self, now: float) -> Reading:
        """Whether the newest key counts as down."""
        held = now - self._down <= self._hold
        return Reading(held, self._twist if held else STILL)

    def _motion(self, name: str) -> np.ndarray:
        shares = np.zeros(6)
        shares[MOTIONS.index(name.removeprefix('-'))] = -1.0 if name.startswith('-') else 1.0
        return self._pace.twist(shares)


def table() -> tuple[tuple[str, str], ...]:
    """Every key and what it does, as people read it."""
    presses = ((SHOWN.get(key, key), press.value) for key, press in PRESSES.items())
    return (*MEANT, *((key, meaning.replace('_', ' ')) for key, meaning in presses))
