"""How scene and arm come to their start: by the simulator, by a motion, or by a person.

A way begins, and is asked until it is done; it says what it waits for. `now` is steady time [s].
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from rclpy.node import Node
from std_srvs.srv import Trigger

from robo_dopamine_ros.ros.approach import Approach, StartPose
from robo_dopamine_ros.ros.convert import action_to_msg, arm_state_from_msg
from robo_dopamine_ros.ros.topics import ARM_STATE, RESET_COMMAND, SIM_RESET
from robo_dopamine_ros.types import Action, ArmState

WAYS = ('none', 'sim', 'motion', 'person')
AGAIN = 1.0  # an answer that does not come was lost [s]
STALE = 0.2  # an older arm state is none [s]


@dataclass(frozen=True)
class ResetParameters:
    """What is done before an episode runs."""

    way: str = 'none'  # none, sim (the simulator), motion (through the gate), person (is asked)
    timeout: float = 30.0  # the simulator and the motion have so long [s]
    start: StartPose = field(default_factory=StartPose)

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ValueError(f'way = {self.way!r}; it must be one of {", ".join(WAYS)}')
        if not 0.0 < self.timeout < math.inf:
            raise ValueError(f'timeout = {self.timeout} s; it must be above 0')


class ResetError(RuntimeError):
    """A reset that failed; the text says why."""


class Way(Protocol):
    """One way to reset."""

    def begin(self) -> None:
        """Begin a reset."""

    def update(self, gripper: float | None, now: float) -> str:
        """Go on; gives what is waited for, nothing when done. Raises ResetError.

        `gripper` is its opening as it was commanded last, 0..1; None: nobody told.
        """

    def stop(self) -> None:
        """End it, done or not."""


class Resets:
    """The way a cell resets, with its time limit."""

    def __init__(self, node: Node, parameters: ResetParameters) -> None:
        ways: dict[str, Callable[[], Way]] = {
            'none': Nothing,
            'sim': lambda: Simulator(node),
            'motion': lambda: Motion(node, parameters.start),
            'person': lambda: Person(node),
        }
        self.waits_for = ''
        self._way = ways[parameters.way]()
        self._timeout = math.inf if parameters.way == 'person' else parameters.timeout
        self._began: float | None = None

    def update(self, wanted: bool, gripper: float | None, now: float) -> bool:
        """Follow whether a reset is wanted; gives whether it is done. Raises ResetError."""
        if not wanted:
            self._stop()
            return False
        if self._began is None:
            self._began = now
            self._way.begin()
        try:
            self.waits_for = self._way.update(gripper, now)
            if self.waits_for and now - self._began >= self._timeout:
                raise ResetError(f'{self.waits_for}, after {self._timeout:g} s')
        except ResetError:
            self._stop()
            raise
        if not self.waits_for:
            self._stop()
            return True
        return False

    def _stop(self) -> None:
        if self._began is not None:
            self._began, self.waits_for = None, ''
            self._way.stop()


class Nothing:
    """All is ready as it is."""

    def begin(self) -> None:
        """Begin nothing."""

    def update(self, gripper: float | None, now: float) -> str:
        """Be done."""
        return ''

    def stop(self) -> None:
        """Stop nothing."""


class Person(Nothing):
    """A person resets, and asks for the start again when that is done."""

    def __init__(self, node: Node) -> None:
        self._log = node.get_logger()

    def begin(self) -> None:
        """Ask."""
        self._log.info(self.update(None, 0.0))

    def update(self, gripper: float | None, now: float) -> str:
        """Wait."""
        return 'a person brings arm and scene to their start, then calls start_episode again'


class Simulator:
    """The simulator begins anew."""

    def __init__(self, node: Node) -> None:
        self._client = node.create_client(SIM_RESET.type, SIM_RESET.name)
        self._asked: list[Any] = []  # futures
        self._last = -math.inf

    def begin(self) -> None:
        """Forget earlier answers."""
        self.stop()

    def update(self, gripper: float | None, now: float) -> str:
        """Ask until there is an answer: DDS may lose one, and to reset twice does no harm."""
        answers = [future.result() for future in self._asked if future.done()]
        if answers and not answers[0].success:
            raise ResetError(f'{SIM_RESET.name}: {answers[0].message or "refused without a word"}')
        if answers:
            return ''
        if not self._client.service_is_ready():
            return f'{SIM_RESET.name} is not offered'
        if now - self._last >= AGAIN:
            self._asked.append(self._client.call_async(Trigger.Request()))
            self._last = now
        return f'{SIM_RESET.name} does not answer'

    def stop(self) -> None:
        """Wait for no answer."""
        for future in self._asked:
            self._client.remove_pending_request(future)
        self._asked, self._last = [], -math.inf


class Motion:
    """The arm goes to its start, through the gate and its limits."""

    def __init__(self, node: Node, start: StartPose) -> None:
        self._node, self._start = node, start
        self._approach = Approach(start)
        self._state: ArmState | None = None
        self._arrival = -math.inf
        self._frame = ''
        self._gripper: float | None = None
        self._out = node.create_publisher(RESET_COMMAND.type, RESET_COMMAND.name, RESET_COMMAND.qos)
        node.create_subscription(ARM_STATE.type, ARM_STATE.name, self._hear, ARM_STATE.qos)

    def _hear(self, message: Any) -> None:
        self._state, self._frame = arm_state_from_msg(message), message.header.frame_id
        self._arrival = time.monotonic()

    def begin(self) -> None:
        """Set out from wherever the tool is."""
        self._approach = Approach(self._start)
        self._gripper = None if self._start.gripper < 0 else self._start.gripper

    def update(self, gripper: float | None, now: float) -> str:
        """Wish for the next twist."""
        if self._state is None or now - self._arrival > STALE:
            self._tell(Action(0, valid=False, reason='no arm/state'))
            return 'no arm/state comes'
        if self._gripper is None:
            self._gripper = gripper
        if self._gripper is None:
            return 'the gate is silent'
        twist = self._approach.update(self._state.pose, now)
        if self._approach.arrived:
            return ''
        self._tell(Action(0, twist, gripper=self._gripper))
        metres, radians = self._approach.away
        return f'the tool is {metres:.3f} m and {radians:.2f} rad away from its start'

    def stop(self) -> None:
        """Announce the silence that follows."""
        self._tell(Action(0, valid=False, reason='the reset is over'))

    def _tell(self, action: Action) -> None:
        stamp = self._node.get_clock().now().nanoseconds
        self._out.publish(action_to_msg(replace(action, stamp=stamp), self._frame))
