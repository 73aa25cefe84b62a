"""Which arm there is, and how its driver is called.

Each arm declares its own parameters in its own file; those files are read whatever arm is chosen,
so what they need beyond NumPy and SciPy they import where it is used.
"""

from dataclasses import dataclass, field

from robo_dopamine_ros.arms.agx import AgxParameters
from robo_dopamine_ros.arms.crisp import CrispParameters
from robo_dopamine_ros.arms.joint_stream import JointStreamParameters
from robo_dopamine_ros.arms.mount import Mount
from robo_dopamine_ros.arms.servo import ServoParameters

ARMS = ('crisp', 'joint_stream', 'servo', 'agx')  # as choose.py makes them


@dataclass(frozen=True)
class ArmParameters(Mount):
    """One arm: how it stands, how it is driven, and what its driver must be told."""

    arm: str = 'crisp'  # how it is driven: crisp, joint_stream, servo or agx
    crisp: CrispParameters = field(default_factory=CrispParameters)
    joint_stream: JointStreamParameters = field(default_factory=JointStreamParameters)
    servo: ServoParameters = field(default_factory=ServoParameters)
    agx: AgxParameters = field(default_factory=AgxParameters)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arm not in ARMS:
            raise ValueError(f'arm = {self.arm!r}; it must be {", ".join(ARMS)}')
