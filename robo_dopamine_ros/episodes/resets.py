"""Reset of arm and scene before an episode: by the simulator, by a motion or by a person.

Pure: ROS clients and publishers come in; `now` is steady time [s].
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

from robo_dopamine_ros.episodes.config import ResetParameters
from robo_dopamine_ros.episodes.home_motion import HomeMotion, HomePose
from robo_dopamine_ros.types import ArmCommand, ArmState

RETRY_PERIOD = 1.0  # DDS may lose an answer: the request is sent again [s]
ARM_STATE_TIMEOUT = 0.2  # [s]


class ResetError(RuntimeError):
    """A failed reset; the text says why."""


class ResetStrategy(Protocol):
    """One way to reset arm and scene."""

    def start(self) -> None:
        """Start a reset."""

    def update(self, gripper: float | None, now: float) -> str:
        """Continue the reset; gives what it waits for, empty when done. Raises ResetError.

        `gripper` is the last commanded opening, 0..1; None: the gate has not published yet.
        """

    def stop(self) -> None:
        """Stop the reset, done or not."""


class EpisodeResetter:
    """Runs the reset strategy of a cell, with its timeout."""

    def __init__(self, strategy: ResetStrategy, parameters: ResetParameters) -> None:
        self.waiting_for = ''
        self._strategy = strategy
        self._timeout = math.inf if parameters.strategy == 'manual' else parameters.timeout
        self._started: float | None = None

    def update(self, resetting: bool, gripper: float | None, now: float) -> bool:
        """Run the reset while an episode is `resetting`; gives whether done. Raises ResetError."""
        if not resetting:
            self._stop()
            return False
        if self._started is None:
            self._started = now
            self._strategy.start()
        try:
            self.waiting_for = self._strategy.update(gripper, now)
            if self.waiting_for and now - self._started >= self._timeout:
                raise ResetError(f'{self.waiting_for}, after {self._timeout:g} s')
        except ResetError:
            self._stop()
            raise
        if not self.waiting_for:
            self._stop()
            return True
        return False

    def _stop(self) -> None:
        if self._started is not None:
            self._started, self.waiting_for = None, ''
            self._strategy.stop()


class NoReset:
    """Every episode runs at once."""

    def start(self) -> None:
        """Do nothing."""

    def update(self, gripper: float | None, now: float) -> str:
        """Be done."""
        return ''

    def stop(self) -> None:
        """Do nothing."""


class ManualReset(NoReset):
    """A person resets arm and scene and confirms by a second `start_episode`."""

    def __init__(self, log: Callable[[str], object]) -> None:
        """`log` shows the person what to do."""
        self._log = log

    def start(self) -> None:
        """Ask the person."""
        self._log(self.update(None, 0.0))

    def update(self, gripper: float | None, now: float) -> str:
        """Wait for the person."""
        return 'a person brings arm and scene to their start, then calls start_episode again'


class SimReset:
    """The simulator resets its scene and arm."""

    def __init__(self, service: str, client: Any) -> None:
        """`client` is the rclpy client of the Trigger service of that name."""
        self._service, self._client = service, client
        self._requests: list[Any] = []  # futures
        self._requested = -math.inf  # time of the last request [s]

    def start(self) -> None:
        """Discard earlier requests."""
        self.stop()

    def update(self, gripper: float | None, now: float) -> str:
        """Request the reset until one is answered; several resets do no harm."""
        answers = [future.result() for future in self._requests if future.done()]
        if answers and not answers[0].success:
            raise ResetError(f'{self._service}: {answers[0].message or "refused without a word"}')
        if answers:
            return ''
        if not self._client.service_is_ready():
            return f'{self._service} is not offered'
        if now - self._requested >= RETRY_PERIOD:
            self._requests.append(self._client.call_async(self._client.srv_type.Request()))
            self._requested = now
        return f'{self._service} does not answer'

    def stop(self) -> None:
        """Discard pending requests."""
        for future in self._requests:
            self._client.remove_pending_request(future)
        self._requests, self._requested = [], -math.inf


class HomeReset:
    """The arm moves to its home pose, through the gate and its limits."""

    def __init__(self, home: HomePose, publish: Callable[[ArmCommand], None]) -> None:
        """`publish` stamps a command and sends it to the gate."""
        self._home, self._publish = home, publish
        self._motion = HomeMotion(home)
        self._state: ArmState | None = None
        self._state_arrival = -math.inf
        self._gripper: float | None = None

    def on_arm_state(self, state: ArmState, now: float) -> None:
        """Follow the arm."""
        self._state, self._state_arrival = state, now

    def start(self) -> None:
        """Start a motion from the current pose."""
        self._motion = HomeMotion(self._home)
        self._gripper = None if self._home.gripper < 0 else self._home.gripper

    def update(self, gripper: float | None, now: float) -> str:
        """Publish the next twist."""
        if self._state is None or now - self._state_arrival > ARM_STATE_TIMEOUT:
            self._publish(ArmCommand(0, valid=False, reason='no arm/state'))
            return 'no arm/state comes'
        if self._gripper is None:
            self._gripper = gripper
        if self._gripper is None:
            return 'the gate is silent'
        twist = self._motion.update(self._state.pose, now)
        if self._motion.arrived:
            return ''
        self._publish(ArmCommand(0, twist, gripper=self._gripper))
        metres, radians = self._motion.remaining
        return f'the tool is {metres:.3f} m and {radians:.2f} rad away from its start'

    def stop(self) -> None:
        """Publish an invalid command, so that the silence after it is not a timeout."""
        self._publish(ArmCommand(0, valid=False, reason='the reset is over'))
