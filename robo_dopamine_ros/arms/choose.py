"""Makes the arm that the parameters name."""

from collections.abc import Callable

from robo_dopamine_ros.arms.arm import Arm
from robo_dopamine_ros.arms.crisp import Crisp
from robo_dopamine_ros.arms.parameters import ArmParameters

MAKE: dict[str, Callable[[ArmParameters, float], Arm]] = {'crisp': Crisp}


def make(parameters: ArmParameters, patience: float) -> Arm:
    """Make it; `patience` is the silence after which its driver counts as lost [s]."""
    return MAKE[parameters.arm](parameters, patience)
