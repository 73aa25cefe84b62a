"""Universal Robots arm behind ur_robot_driver: conditions for motion, and recovery from a stop.

Written for driver 3 (Jazzy) and 2 (Humble). When the robot's program stops, the driver deactivates
the controllers; when the program runs again it activates them by itself. Commands must then restart
at the measured pose, which the fault reported in between ensures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from robo_dopamine_ros.arms.arm import Call, CallSequence, Channel, LatestMessages

ROBOT_RUNNING = 7  # robot mode
PROTECTIVE_STOP = 3  # safety mode
SAFE_MODES = (1, 2)  # safety modes in which the robot may move
ROBOT_MODES: dict[int | None, str] = {
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
SAFETY_MODES: dict[int | None, str] = {
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
NOT_TOLD = (
    'safety configuration (speed, force, planes, elbow): ur_robot_driver publishes the safety mode '
    'only; compare it with the limits of the gate on the pendant'
)
TRIGGER = 'std_srvs/srv/Trigger'
POLL_PERIOD = 0.2  # of the robot's state while it is awaited [s]


@dataclass(frozen=True)
class UrConfig:
    """Names of ur_robot_driver, including a prefix or namespace of its launch file."""

    enabled: bool = False  # the robot is a UR, and may move only while it reports to be ready
    status: str = 'io_and_status_controller'  # publishes the modes, resends the program
    speed_scaling: str = 'speed_scaling_state_broadcaster/speed_scaling'  # topic [percent]
    dashboard: str = 'dashboard_client'  # unlocks a protective stop, plays the program
    headless: bool = False  # the driver sends the program (headless_mode), nobody plays it
    unlock_delay: float = 5.0  # from a protective stop until the robot allows to unlock it [s]
    timeout: float = 10.0  # for the robot to execute a request [s]

    def __post_init__(self) -> None:
        for name in ('unlock_delay', 'timeout'):
            if not 0 < getattr(self, name) <= 60:
                raise ValueError(f'{name} = {getattr(self, name)}; it must lie in 0..60 s')


class UrRobot:
    """State of the robot behind the controllers, and its recovery; without effect if disabled."""

    def __init__(self, config: UrConfig, latest: LatestMessages, model: str = '') -> None:
        """`latest` is where the arm stores the messages of all channels; `model` is configured."""
        self._config, self._latest, self._model = config, latest, model
        self._reported_model: str | None = None  # by the robot; empty: its driver does not tell
        self.not_told = NOT_TOLD if config.enabled else ''
        status, modes = config.status, 'ur_dashboard_msgs/msg'
        self._program = f'{status}/robot_program_running'
        self._mode, self._safety = f'{status}/robot_mode', f'{status}/safety_mode'
        state = partial(Channel, depth=10, transient_local=True)  # by the depth no stop is missed
        channels = [
            state(self._mode, f'{modes}/RobotMode', optional=True),
            state(self._safety, f'{modes}/SafetyMode', optional=True),
            state(self._program, 'std_msgs/msg/Bool'),
            Channel(config.speed_scaling, 'std_msgs/msg/Float64', reliable=False),
        ]
        self.inputs: Sequence[Channel] = channels if config.enabled else []
        self.required = [config.speed_scaling] if config.enabled else []  # published periodically

    @property
    def missing(self) -> str:
        """Topic without which it is not known whether the robot may move, empty: none."""
        unknown = self._config.enabled and self._latest.get(self._program) is None
        return f'nothing heard yet on {self._program}' if unknown else ''

    def fault(self) -> str:
        """Return why the robot may not move, empty: it may.

        Where ur_dashboard_msgs is not installed the modes are not known. The program stops in each
        of those that prevent motion, which is reported instead.
        """
        if not self._config.enabled:
            return ''
        safety, mode = self._mode_of(self._safety), self._mode_of(self._mode)
        speed = self._latest.get(self._config.speed_scaling)
        faults = []
        if safety not in (None, *SAFE_MODES):
            faults.append(f'safety mode {safety}: {SAFETY_MODES.get(safety, "not known")}')
        if mode not in (None, ROBOT_RUNNING):
            faults.append(f'robot mode {mode}: {ROBOT_MODES.get(mode, "not known")}')
        if self._latest.get(self._program) is False:
            faults.append('the program External Control does not run')
        if speed is not None and not speed > 0:
            faults.append(f'speed scaling is {speed} %')
        return ', '.join(faults)

    def arming_obstacle(self) -> str:
        """Return why the arm must not be armed: another model than configured; empty: nothing.

        The robot does not tell e-Series and CB3 apart, a UR5e calls itself UR5.
        """
        told, configured = self._reported_model or '', self._model
        if not told or not configured or told.upper() == configured.removesuffix('e').upper():
            return ''
        return (
            f'the robot says that it is a {told}, but driver.model = {configured}: its ceilings '
            'and shape would be those of another arm'
        )

    def ask_model(self) -> CallSequence:
        """Ask the robot for its model, once; not all drivers offer that."""
        if self._config.enabled and self._reported_model is None:
            reply = yield Call(
                f'{self._config.dashboard}/get_robot_model',
                'ur_dashboard_msgs/srv/GetRobotModel',
                timeout=1.0,
                label='ask for its model',
            )
            answered = not isinstance(reply, str) and reply.success
            self._reported_model = reply.robot_model.strip() if answered else ''
        return ''

    def start(self) -> CallSequence:
        """Wait until the robot may move; only people at the robot start it."""
        yield from self.ask_model()
        if self._config.enabled:
            yield from self._wait(lambda: not (self.missing or self.fault()))
        return self.missing or self.fault()

    def recover(self) -> CallSequence:
        """Unlock a protective stop and run the program again; without motion.

        People at the robot must clear other stops.
        """
        if not self._config.enabled:
            return ''
        safety, mode = self._mode_of(self._safety), self._mode_of(self._mode)
        running = self._latest.get(self._program) is True
        if safety == PROTECTIVE_STOP or (safety is None and not running):
            error = yield from self._unlock(required=safety is not None)
            if error:
                return error
        elif safety not in (None, *SAFE_MODES) or mode not in (None, ROBOT_RUNNING):
            return f'{self.fault()}; mend that at the robot'
        if not self._latest.get(self._program):
            service, label = self._program_service()
            error = yield from _trigger(service, label)
            if error:
                return error
        return (yield from self.start())

    def _program_service(self) -> tuple[str, str]:
        """Return the service that runs the program, and its label."""
        if self._config.headless:
            return f'{self._config.status}/resend_robot_program', 'send the program again'
        return f'{self._config.dashboard}/play', 'play the program'

    def _unlock(self, required: bool) -> CallSequence:
        """Unlock a protective stop; not required where the modes are not known."""
        yield self._config.unlock_delay
        error = yield from _trigger(
            f'{self._config.dashboard}/unlock_protective_stop', 'unlock the protective stop'
        )
        if required and not error:
            yield from self._wait(lambda: self._mode_of(self._safety) in SAFE_MODES)
            return '' if self._mode_of(self._safety) in SAFE_MODES else self.fault()
        return error if required else ''

    def _wait(self, condition: Callable[[], bool]) -> CallSequence:
        for _ in range(round(self._config.timeout / POLL_PERIOD)):
            if condition():
                break
            yield POLL_PERIOD
        return ''

    def _mode_of(self, channel: str) -> int | None:
        """Return a mode, None where it is not known."""
        message = self._latest.get(channel)
        return None if message is None else message.mode


def _trigger(name: str, label: str) -> CallSequence:
    """Call a Trigger service."""
    reply = yield Call(name, TRIGGER, timeout=10.0, label=label)
    if isinstance(reply, str):
        return reply
    return '' if reply.success else f'{label}: {reply.message or "refused"}'
