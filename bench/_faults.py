"""What is done to a cell, what must come of it, and what did."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from _lab import Lab

from robo_dopamine_ros.types import Mode

HOLD = 0.5  # [s] from a loss until the arm stands
GATE, TELEOP, CONDUCTOR = 'gate: gate', 'teleop: teleop', 'conductor: conductor'


class Fault(Protocol):
    """Something that happens to a cell, and ends."""

    def strike(self, lab: Lab) -> None:
        """Let it happen."""

    def mend(self, lab: Lab) -> None:
        """Take its cause away."""


@dataclass(frozen=True)
class Killed:
    """Ended by kill -9, and later started again."""

    who: str

    def strike(self, lab: Lab) -> None:
        lab.kill(self.who)

    def mend(self, lab: Lab) -> None:
        lab.restart()
        lab.hears(self.who)


@dataclass(frozen=True)
class Frozen:
    """Stopped by SIGSTOP, and later let go on by SIGCONT."""

    who: str

    def strike(self, lab: Lab) -> None:
        lab.freeze(self.who)

    def mend(self, lab: Lab) -> None:
        lab.thaw(self.who)
        lab.hears(self.who)


class Rival:
    """A second publisher on target_pose."""

    def __init__(self) -> None:
        self._leave: Callable[[], object] = lambda: None

    def strike(self, lab: Lab) -> None:
        self._leave = lab.rival()

    def mend(self, lab: Lab) -> None:
        self._leave()


class Stopped:
    """The service `stop` is called."""

    def strike(self, lab: Lab) -> None:
        lab.stop()

    def mend(self, lab: Lab) -> None:
        """Nothing lasts of it but the latch."""


@dataclass(frozen=True)
class Row:
    """One fault, and what is promised."""

    name: str
    mover: Mode  # who moves the arm
    fault: Fault
    becomes: Mode | None  # STOPPED, HOLD; the mover: motion goes on; None: the gate cannot say
    words: str = ''  # in the reason of `control`
    named: tuple[str, str] = ('', '')  # a diagnostic status, and words in it
    within: float = HOLD  # [s] until the arm stands
    dead: bool = False  # the arm itself is gone, so that nobody sees it stand
    stands: bool = False  # rearming is refused while it lasts
    ends: str = ''  # in who decided that the episode ended
    truncates: bool = False  # the last reward of that episode says that it was cut off

    @property
    def latches(self) -> bool:
        """Whether nothing may move until rearmed."""
        return self.becomes in (Mode.STOPPED, None)

    def promise(self, slack: float) -> str:
        """What is promised, in short."""
        if self.becomes is self.mover:
            return 'goes on'
        verb = 'latch' if self.latches else 'hold'
        return f'{verb} {self.within * slack:g} s'


def _pair(who: str, mover: Mode, **promised: Any) -> list[Row]:
    """Killed and frozen alike."""
    whose = 'person: ' if mover is Mode.HUMAN else ''
    return [
        Row(f'{whose}{who} {fault.__name__.lower()}', mover, fault(who), **promised)
        for fault in (Killed, Frozen)
    ]


def _latch(words: str, ends: str = 'gate: ', **others: Any) -> dict[str, Any]:
    """STOPPED, for a reason that control and the gate's diagnostics give."""
    named = (GATE, words)
    return {'becomes': Mode.STOPPED, 'words': words, 'named': named, 'ends': ends, **others}


def _gate(words: str) -> dict[str, Any]:
    """The driver holds; the gate comes back latched."""
    named = (CONDUCTOR, 'aborted by gate: silent')
    return {'becomes': None, 'words': words, 'named': named, 'ends': 'gate: silent'}


P, H = Mode.POLICY, Mode.HUMAN
BLIND: dict[str, Any] = {
    'becomes': Mode.HOLD,
    'words': 'policy/command: left_wrist is',
    'named': ('reward: camera left_wrist', 'late by'),
}
UNREAD: dict[str, Any] = {
    'named': (CONDUCTOR, 'aborted by silence of the reward model'),
    'ends': 'silence of the reward model',
}
ARM = 'silence on current_pose'
CONDUCT = _latch('episode is silent', ends='', within=1.0 + HOLD)
DEAD = {**_latch('teleop/command is silent'), 'named': (TELEOP, 'while the dead-man was held')}
ROWS = [
    *_pair('policy', P, **_latch('policy/command is silent')),
    *_pair('camera', P, **BLIND),
    *_pair('sim', P, **_latch(ARM, stands=True, dead=True)),
    *_pair('state', P, **_latch(ARM, stands=True)),
    *_pair('conductor', P, **CONDUCT),
    *_pair('reward', P, becomes=P, **UNREAD)[:1],
    *_pair('reward', P, becomes=P, **UNREAD, truncates=True)[1:],
    Row('gate frozen', P, Frozen('gate'), **_gate('the gate stood still')),
    *_pair('lock', P, **_latch('the stop lock is silent', stands=True)),
    *_pair('teleop', P, **_latch('the stop lock is silent', stands=True)),
    *_pair('gamepad', P, **_latch('the stop lock is locked', stands=True)),
    Row('second publisher', P, Rival(), **_latch('2 publishers on /target_pose', stands=True)),
    Row('stop called', P, Stopped(), **_latch('stop was called')),
    *_pair('gamepad', H, **DEAD, stands=True),
    *_pair('teleop', H, **_latch('teleop/command is silent', stands=True)),
    *_pair('state', H, **_latch(ARM, stands=True))[1:],
    Row('person: gate frozen', H, Frozen('gate'), **_gate('the gate stood still')),
    Row('person: stop called', H, Stopped(), **_latch('stop was called')),
    *_pair('policy', H, becomes=H)[:1],
    *_pair('conductor', H, becomes=H)[1:],
    *_pair('reward', H, becomes=H, **UNREAD, truncates=True)[1:],
    # Last, for the arm follows nobody until DDS has forgotten the gate that was killed.
    Row('gate killed', P, Killed('gate'), **_gate('not armed yet')),
]
