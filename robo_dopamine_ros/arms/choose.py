"""Makes the arm that the parameters name."""

from collections.abc import Callable
from typing import Any

from robo_dopamine_ros.arms.agx import Agx
from robo_dopamine_ros.arms.arm import Arm
from robo_dopamine_ros.arms.crisp import Crisp
from robo_dopamine_ros.arms.joint_stream import JointStream
from robo_dopamine_ros.arms.mount import Mount
from robo_dopamine_ros.arms.parameters import ArmParameters
from robo_dopamine_ros.arms.servo import Servo

MAKE: dict[str, Callable[[Mount, Any, float], Arm]] = {
    'crisp': Crisp,
    'joint_stream': JointStream,
    'servo': Servo,
    'agx': Agx,
}


def make(parameters: ArmParameters, patience: float) -> Arm:
    """Make it; `patience` is the silence after which its driver counts as lost [s]."""
    own = getattr(parameters, parameters.arm)
    return MAKE[parameters.arm](parameters, own, patience)
