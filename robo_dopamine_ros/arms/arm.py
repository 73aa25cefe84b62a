"""What every arm can do: it hears its driver, and says what to tell it. Knows no ROS.

`ros/driver.py` binds an arm to a node: it gives what comes on `hears` to `hear`, and publishes
or calls what `tell`, `start` and `recover` want. Values on the way are nouns: PoseStamped is a
`Pose`, JointState is `Joints`, TwistStamped and WrenchStamped are (6,) arrays, Float64MultiArray
is an array, messages with one field `data` are its value; any other message goes as it is in, and
out as a mapping of its fields.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from robo_dopamine_ros.types import ArmState, Pose


@dataclass(frozen=True)
class Channel:
    """A topic of the driver."""

    name: str  # relative to the driver's namespace
    type: str  # as `ros2 topic type` says it: geometry_msgs/msg/PoseStamped
    depth: int = 1
    reliable: bool = True  # False: best effort, which hears reliable publishers as well
    kept: bool = False  # transient local: the newest reaches late joiners too
    exclusive: bool = False  # the driver is told by one node alone: nothing moves while two speak
    optional: bool = False  # left out where its message package is not installed
    frame: str = ''  # frame_id that messages heard must bear, else they are refused; empty: any


@dataclass(frozen=True)
class Joints:
    """What a JointState holds; arrays may be empty where the driver leaves them out."""

    names: tuple[str, ...]
    positions: np.ndarray  # (n,) [rad or m]
    velocities: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (n,) [rad/s or m/s]
    efforts: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (n,) [N m or N]


@dataclass(frozen=True)
class Out:
    """One message to publish; its header's stamp is set as it leaves."""

    channel: str  # name of a channel in `tells`
    value: Any
    frame: str = ''  # frame_id, where the message has a header


@dataclass(frozen=True)
class Told:
    """What goes to the driver in one tick."""

    outs: Sequence[Out]
    target: Pose  # where the tool is really sent, which may be short of what was asked
    reason: str = ''  # why it is short of it, or why nothing is sent


@dataclass(frozen=True)
class Call:
    """A service (`package/srv/Name`) or an action (`package/action/Name`) to call, once."""

    name: str  # relative to the driver's namespace
    type: str
    request: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 5.0  # for the whole answer [s]
    title: str = ''  # what people read; the name when empty


# Yields calls and receives each reply (of an action its result), or the reason (str) why none came;
# a number is a pause [s]. Returns what is still wrong, nothing when all is well.
Script = Generator[Call | float, Any, str]


class Arm(Protocol):
    """One arm behind its driver; `now` is steady time [s]."""

    name: str  # of the driver, as ArmState.driver says it
    hears: Sequence[Channel]
    tells: Sequence[Channel]

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Take in a message; `stamp` is its header's, or that of its arrival [ns].

        ValueError when it says what cannot be: then it counts as not heard.
        """

    def state(self, now: float) -> ArmState | str:
        """Give what is measured; or what is missing, silent, or cannot be, by name and value."""

    def tell(self, target: Pose, gripper: float, now: float) -> Told:
        """Say what sends the tool there; `gripper` is 0 closed .. 1 open.

        Called once a tick, only after `state` gave an ArmState, also while holding: a driver that
        needs fresh commands gets them.
        """

    def start(self) -> Script:
        """Bring the driver to where it follows `tell`; without motion."""

    def recover(self) -> Script:
        """Clear a fault; without motion."""
