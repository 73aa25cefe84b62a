"""Driver interface that every arm implements, and what all of them share. Knows no ROS.

`ros/arm_bridge.py` connects an arm to a node: messages on `inputs` go to `on_message`, messages
of `command` are published on `outputs`, and the calls of `start` and `recover` are made. Values
are converted on the way: PoseStamped to `Pose`, JointState to `Joints`, TwistStamped and
WrenchStamped to arrays (6,), Float64MultiArray to an array, messages whose only field is `data` to
its value. Other messages arrive unconverted, and are sent as a mapping of their fields.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from robo_dopamine_ros.geometry import QUATERNION_TOLERANCE
from robo_dopamine_ros.types import ArmState, Pose

UNKNOWN_WRENCH = np.full(6, np.nan)


@dataclass(frozen=True)
class Channel:
    """A topic of the driver, or an action."""

    name: str  # relative to the driver's namespace
    type: str  # as `ros2 topic type` prints it: geometry_msgs/msg/PoseStamped
    depth: int = 1
    reliable: bool = True  # False: best effort, which receives from reliable publishers too
    transient_local: bool = False  # the newest message also reaches late joiners
    exclusive: bool = False  # the gate must be its only publisher, else nothing moves
    optional: bool = False  # skipped where its message package is not installed
    frame: str = ''  # frame_id that received messages must have, else they are refused; empty: any


@dataclass(frozen=True)
class Joints:
    """Contents of a JointState; arrays may be empty where the driver leaves them out."""

    names: tuple[str, ...]
    positions: np.ndarray  # (n,) [rad or m]
    velocities: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (n,) [rad/s or m/s]
    efforts: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (n,) [N m or N]


@dataclass(frozen=True)
class OutgoingMessage:
    """One message to publish; its header is stamped when it is sent."""

    channel: str  # name of a channel in `outputs`
    value: Any
    frame: str = ''  # frame_id, where the message has a header


@dataclass(frozen=True)
class DriverCommand:
    """Messages to the driver in one tick."""

    messages: Sequence[OutgoingMessage]
    target: Pose  # pose the tool is really sent to; may fall short of the commanded one
    reason: str = ''  # why it falls short, or why nothing is sent


@dataclass(frozen=True)
class Call:
    """One call of a service (`package/srv/Name`) or an action (`package/action/Name`)."""

    name: str  # relative to the driver's namespace
    type: str
    request: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 5.0  # until the response, or the result of an action [s]
    label: str = ''  # shown to people; empty: the name


# Yields calls and pauses [s]. Receives the response of each call (of an action its result), or the
# reason (str) why there is none. Returns the remaining error, empty on success.
CallSequence = Generator[Call | float, Any, str]


class Arm(Protocol):
    """One arm behind its driver; `now` is steady time [s]."""

    name: str  # of the driver, published as ArmState.driver
    inputs: Sequence[Channel]
    outputs: Sequence[Channel]

    @property
    def not_told(self) -> str:
        """Settings of the robot that bound its motion and that its driver does not tell."""

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong, by channel, although the arm can work."""

    def on_message(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Handle a message; `stamp` is that of its header, or of its arrival [ns].

        Raises ValueError for invalid contents; the message then counts as not received.
        """

    def state(self, now: float) -> ArmState | str:
        """Return the measured state, or what is missing, silent or invalid, with its value."""

    def command(
        self, target: Pose, gripper: float, now: float, commanded: bool = True
    ) -> DriverCommand:
        """Return the messages that move the tool to a target pose, base frame.

        `gripper` is 0 closed .. 1 open, or NaN while nobody commands it. Unless a source of
        commands is active (`commanded`), the gripper is told nothing, not even again. Called once
        per tick, also while holding, so that drivers with a timeout keep receiving commands; only
        after `state` returned an ArmState.
        """

    def on_goal_end(self, channel: str, error: str, now: float) -> None:
        """Handle the end of the newest goal of an action in `outputs`.

        `error` says why it was not reached; empty: it was.
        """

    def arming_obstacle(self) -> str:
        """Return why the arm must not be armed, although it could move; empty: nothing is known.

        Known after `start`.
        """

    def start(self) -> CallSequence:
        """Make the driver ready to execute `command`; without motion."""

    def recover(self) -> CallSequence:
        """Clear a fault; without motion."""


@dataclass(frozen=True)
class ReceivedValue:
    """Newest value of a channel."""

    value: Any
    stamp: int  # of its header, or of its arrival [ns]
    received: float  # steady time of its arrival [s]


class LatestMessages:
    """Newest value of each channel, with a check for timeouts."""

    def __init__(self) -> None:
        self._newest: dict[str, ReceivedValue] = {}

    def on_message(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Store a value; `now` is steady time [s]."""
        self._newest[channel] = ReceivedValue(value, stamp, now)

    def __getitem__(self, channel: str) -> ReceivedValue:
        """Return the newest value; KeyError before the first."""
        return self._newest[channel]

    def get(self, channel: str, default: Any = None) -> Any:
        """Return the newest value, or the default before the first."""
        newest = self._newest.get(channel)
        return default if newest is None else newest.value

    def timeout_reason(self, channels: Iterable[str], now: float, timeout: float) -> str:
        """Name the channels without a message, or silent beyond the timeout [s]; empty: none."""
        channels = list(channels)
        missing = [name for name in channels if name not in self._newest]
        if missing:
            return f'nothing heard yet on {", ".join(missing)}'
        ages = {name: now - self._newest[name].received for name in channels}
        late = [f'{name} for {age:.2f} s' for name, age in ages.items() if age > timeout]
        return f'silence on {", ".join(late)}' if late else ''


def normalized_pose(pose: Pose) -> Pose:
    """Return a measured pose with a unit quaternion; ValueError for an invalid one."""
    length = float(np.linalg.norm(pose.orientation))
    if not np.isfinite(pose.position).all() or not abs(length - 1) <= QUATERNION_TOLERANCE:
        raise ValueError(f'{pose.position} m, quaternion {pose.orientation} is not a pose')
    return Pose(pose.position, pose.orientation / length)


def check_finite(values: np.ndarray) -> np.ndarray:
    """Return the values; ValueError unless all are finite."""
    if not np.isfinite(values).all():
        raise ValueError(f'{values} is not finite')
    return values
