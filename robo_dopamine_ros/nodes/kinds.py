"""The nodes there are: where each one's parameters stand, and what its death means to a cell."""

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A node as those know it who start it."""

    parameters: str  # name of the dataclass in its module
    respawn: bool = False  # it is started again when it dies; any other death ends the cell


KINDS = {
    'sim': Kind('SimParameters'),
    'gate': Kind('GateParameters'),  # what it guarded must not move on under another
    'teleop': Kind('TeleopParameters'),  # a person must know that the arm does not hear them
    'operator': Kind('OperatorParameters'),
    'player': Kind('PlayerParameters'),
    'reward': Kind('RewardNodeParameters', respawn=True),  # only the episode under way is lost
    'conductor': Kind('ConductorParameters'),  # its word is law, and its memory gone
    'policy': Kind('PolicyParameters', respawn=True),  # steps that are kept stay so
    'recorder': Kind('RecorderParameters', respawn=True),  # what it has not kept is sent again
    'learner': Kind('LearnerParameters', respawn=True),  # no motion depends on it
}


def parameters_of(node: str) -> type:
    """Give the dataclass of a node's parameters; the environment must be active."""
    module = importlib.import_module(f'robo_dopamine_ros.nodes.{node}')
    return getattr(module, KINDS[node].parameters)
