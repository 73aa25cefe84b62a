"""A Universal Robots arm behind ur_robot_driver: when it may move, and what clears a stop.

As driver 3 (Jazzy) and 2 (Humble) do it. When the robot's program stops, the driver deactivates
the controllers, and when it runs again it activates them by itself: whoever tells them must begin
anew from where the arm is, which the fault reported in between makes sure of.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robo_dopamine_ros.arms.arm import Call, Channel, Script
from robo_dopamine_ros.arms.readings import Readings

RUNNING = 7  # robot mode
PROTECTIVE_STOP = 3  # safety mode
MAY_MOVE = (1, 2)  # safety modes
MODES: dict[int | None, str] = {
    -1: 'no controller',
    0: 'disconnected',
    1: 'confirm safety',
    2: 'booting',
    3: 'power off',
    4: 'power on',
    5: 'idle, brakes engaged',
    6: 'backdrive',
    7: 'running',
    8: 'updating firmware',
}
SAFETY: dict[int | None, str] = {
    1: 'normal',
    2: 'reduced',
    3: 'protective stop',
    4: 'recovery',
    5: 'safeguard stop',
    6: 'emergency stop of the system',
    7: 'emergency stop of the robot',
    8: 'violation',
    9: 'fault',
    13: 'three-position stop',
}
TRIGGER = 'std_srvs/srv/Trigger'
LOOK = 0.2  # between two looks at what the robot says [s]


@dataclass(frozen=True)
class UrParameters:
    """The names of ur_robot_driver; a prefix or namespace of its launch is part of them."""

    watched: bool = False  # there is a UR, which may move only while it is ready
    status: str = 'io_and_status_controller'  # tells the modes, resends the program
    scaling: str = 'speed_scaling_state_broadcaster/speed_scaling'  # topic [percent]
    dashboard: str = 'dashboard_client'  # unlocks a protective stop, plays the program
    headless: bool = False  # the driver sends the program (headless_mode), nobody plays it
    settling: float = 5.0  # from a protective stop to when the robot lets it be unlocked [s]
    patience: float = 10.0  # for the robot to do what it was asked [s]

    def __post_init__(self) -> None:
        for name in ('settling', 'patience'):
            if not 0 < getattr(self, name) <= 60:
                raise ValueError(f'{name} = {getattr(self, name)}; it must lie in 0..60 s')


class Ur:
    """Watches the robot behind the controllers, and brings it back after a stop."""

    def __init__(self, parameters: UrParameters, readings: Readings) -> None:
        """`readings` is where the arm keeps what it hears of all channels."""
        self._p, self._readings = parameters, readings
        status, modes = parameters.status, 'ur_dashboard_msgs/msg'
        self._running = f'{status}/robot_program_running'
        self._mode, self._safety = f'{status}/robot_mode', f'{status}/safety_mode'
        channels = [
            Channel(self._mode, f'{modes}/RobotMode', depth=10, kept=True, optional=True),
            Channel(self._safety, f'{modes}/SafetyMode', depth=10, kept=True, optional=True),
            Channel(self._running, 'std_msgs/msg/Bool', depth=10, kept=True),  # misses no stop
            Channel(parameters.scaling, 'std_msgs/msg/Float64', reliable=False),
        ]
        self.hears: Sequence[Channel] = channels if parameters.watched else []
        self.vital = [parameters.scaling] if parameters.watched else []  # tells all the time

    @property
    def missing(self) -> str:
        """What must be heard before it is known whether it may move, empty: nothing."""
        unknown = self._p.watched and self._readings.value(self._running) is None
        return f'nothing heard yet on {self._running}' if unknown else ''

    def unready(self) -> str:
        """Say why the robot may not move, empty: it may.

        Modes are unknown where ur_dashboard_msgs is not installed; the program stops with any of
        those that forbid motion.
        """
        if not self._p.watched:
            return ''
        safety, mode = self._said(self._safety), self._said(self._mode)
        running = self._readings.value(self._running)
        speed = self._readings.value(self._p.scaling)
        wrong = {
            f'safety mode {safety}: {SAFETY.get(safety, "not known")}': safety
            not in (None, *MAY_MOVE),
            f'robot mode {mode}: {MODES.get(mode, "not known")}': mode not in (None, RUNNING),
            'the program External Control does not run': running is False,
            f'speed scaling is {speed} %': speed is not None and not speed > 0,
        }
        return ', '.join(words for words, true in wrong.items() if true)

    def started(self) -> Script:
        """Wait until the robot may move; nobody but people at it starts it."""
        if self._p.watched:
            yield from self._waited(lambda: not (self.missing or self.unready()))
        return self.missing or self.unready()

    def recovered(self) -> Script:
        """Unlock a protective stop and let the program run again; without motion.

        Other stops are for people at the robot.
        """
        if not self._p.watched:
            return ''
        safety, mode = self._said(self._safety), self._said(self._mode)
        running = self._readings.value(self._running) is True
        if safety == PROTECTIVE_STOP or (safety is None and not running):
            wrong = yield from self._unlocked(required=safety is not None)
            if wrong:
                return wrong
        elif safety not in (None, *MAY_MOVE) or mode not in (None, RUNNING):
            return f'{self.unready()}; mend that at the robot'
        if not self._readings.value(self._running):
            name, title = self._again()
            wrong = yield from _triggered(name, title)
            if wrong:
                return wrong
        return (yield from self.started())

    def _again(self) -> tuple[str, str]:
        """Give the service that makes the program run, and what it does."""
        if self._p.headless:
            return f'{self._p.status}/resend_robot_program', 'send the program again'
        return f'{self._p.dashboard}/play', 'play the program'

    def _unlocked(self, required: bool) -> Script:
        """Unlock a protective stop; where modes are unknown there may be none, and no matter."""
        yield self._p.settling
        wrong = yield from _triggered(
            f'{self._p.dashboard}/unlock_protective_stop', 'unlock the protective stop'
        )
        if required and not wrong:
            yield from self._waited(lambda: self._said(self._safety) in MAY_MOVE)
            return '' if self._said(self._safety) in MAY_MOVE else self.unready()
        return wrong if required else ''

    def _waited(self, condition: Callable[[], bool]) -> Script:
        for _ in range(round(self._p.patience / LOOK)):
            if condition():
                break
            yield LOOK
        return ''

    def _said(self, channel: str) -> int | None:
        """Give a mode, None where it is not known."""
        message = self._readings.value(channel)
        return None if message is None else message.mode


def _triggered(name: str, title: str) -> Script:
    reply = yield Call(name, TRIGGER, timeout=10.0, title=title)
    if isinstance(reply, str):
        return reply
    return '' if reply.success else f'{title}: {reply.message or "refused"}'
