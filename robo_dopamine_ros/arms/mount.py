"""How an arm stands in its cell, whatever its driver."""

from dataclasses import dataclass, field

from robo_dopamine_ros.arms.grippers import GripperParameters


@dataclass(frozen=True)
class Mount:
    """What every arm must be told; the defaults are those of the simulator and of a Franka."""

    namespace: str = ''  # of the driver's topics, from that of the node; empty: the same
    base_frame: str = 'base'  # frame of all poses, twists and wrenches
    tool_frame: str = 'fr3_hand_tcp'  # frame of the tool
    joints: tuple[str, ...] = ()  # names, in order; empty: all that the driver reports
    gripper: GripperParameters = field(default_factory=GripperParameters)

    def __post_init__(self) -> None:
        for name in ('base_frame', 'tool_frame'):
            if not getattr(self, name):
                raise ValueError(f'{name} is empty; it must name a frame')
