"""Which arm there is, and how its driver is called.

Each arm declares its own parameters in its own file; those files are read whatever arm is chosen,
so what they need beyond NumPy and SciPy they import where it is used.
"""

from dataclasses import dataclass, field

from robo_dopamine_ros.arms.agx import AgxParameters
from robo_dopamine_ros.arms.crisp import CrispParameters
from robo_dopamine_ros.arms.grippers import GripperParameters
from robo_dopamine_ros.arms.joint_stream import JointStreamParameters
from robo_dopamine_ros.arms.servo import ServoParameters

ARMS = ('crisp', 'joint_stream', 'servo', 'agx')  # as choose.py makes them


@dataclass(frozen=True)
class ArmParameters:
    """One arm; the defaults are those of the simulator and of a Franka under CRISP."""

    arm: str = 'crisp'  # how it is driven: crisp, joint_stream, servo or agx
    namespace: str = ''  # of the driver's topics, from that of the node; empty: the same
    base_frame: str = 'base'  # frame of all poses, twists and wrenches
    tool_frame: str = 'fr3_hand_tcp'  # frame of the tool
    joints: tuple[str, ...] = ()  # names, in order; empty: all that the driver reports
    gripper: GripperParameters = field(default_factory=GripperParameters)
    crisp: CrispParameters = field(default_factory=CrispParameters)
    joint_stream: JointStreamParameters = field(default_factory=JointStreamParameters)
    servo: ServoParameters = field(default_factory=ServoParameters)
    agx: AgxParameters = field(default_factory=AgxParameters)

    def __post_init__(self) -> None:
        if self.arm not in ARMS:
            raise ValueError(f'arm = {self.arm!r}; it must be {", ".join(ARMS)}')
        for name in ('base_frame', 'tool_frame'):
            if not getattr(self, name):
                raise ValueError(f'{name} is empty; it must name a frame')
