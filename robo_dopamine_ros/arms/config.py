"""Configuration of an arm, and the class that drives it.

The settings of each driver are declared in its own file. All of those files are imported whichever
arm is chosen, so packages beyond NumPy and SciPy are imported where they are used.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from robo_dopamine_ros.arms.agx import AgxArm, AgxConfig
from robo_dopamine_ros.arms.arm import Arm
from robo_dopamine_ros.arms.crisp import CrispArm, CrispConfig
from robo_dopamine_ros.arms.datasheets import check_model
from robo_dopamine_ros.arms.grippers import GripperConfig
from robo_dopamine_ros.arms.position_controller import (
    PositionControllerArm,
    PositionControllerConfig,
)
from robo_dopamine_ros.arms.servo import ServoArm, ServoConfig
from robo_dopamine_ros.arms.tool_limits import UNLIMITED, ToolLimits
from robo_dopamine_ros.arms.whole_arm import WholeArmConfig

ARM_CLASSES: dict[str, Callable[['ArmConfig', Any, float], Arm]] = {
    'crisp': CrispArm,
    'position_controller': PositionControllerArm,
    'servo': ServoArm,
    'agx': AgxArm,
}


@dataclass(frozen=True)
class ArmConfig:
    """One arm: frames, joints, gripper and driver; defaults are the simulator's and a Franka's."""

    model: str = ''  # of the arm: fr3, piper, ur5e..; for its ceilings and shape; empty: another
    namespace: str = ''  # of the driver's topics, relative to that of the node; empty: the same
    base_frame: str = 'base'  # frame of all poses, twists and wrenches
    tool_frame: str = 'fr3_hand_tcp'  # frame of the tool
    joints: tuple[str, ...] = ()  # names, in order; empty: all that the driver reports
    gripper: GripperConfig = field(default_factory=GripperConfig)
    arm: str = 'crisp'  # how it is driven: crisp, position_controller, servo or agx
    crisp: CrispConfig = field(default_factory=CrispConfig)
    position_controller: PositionControllerConfig = field(default_factory=PositionControllerConfig)
    servo: ServoConfig = field(default_factory=ServoConfig)
    agx: AgxConfig = field(default_factory=AgxConfig)
    whole_arm: WholeArmConfig = field(default_factory=WholeArmConfig)

    def __post_init__(self) -> None:
        check_model(self.model)
        for name in ('base_frame', 'tool_frame'):
            if not getattr(self, name):
                raise ValueError(f'{name} is empty; it must name a frame')
        if self.arm not in ARM_CLASSES:
            raise ValueError(f'arm = {self.arm!r}; it must be {", ".join(ARM_CLASSES)}')


def make_arm(config: ArmConfig, timeout: float, tool: ToolLimits = UNLIMITED) -> Arm:
    """Create the arm; `timeout` is the silence after which its driver counts as lost [s].

    Joints that we compute keep the limits of the tool.
    """
    arm = ARM_CLASSES[config.arm](config, getattr(config, config.arm), timeout)
    if isinstance(arm, PositionControllerArm | AgxArm):
        arm.limit_tool(tool)
    return arm
