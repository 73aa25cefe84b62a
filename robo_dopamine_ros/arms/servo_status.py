"""What MoveIt Servo says of itself; Jazzy and Humble count differently from 3 on."""

from typing import Any

TYPES = {'jazzy': 'moveit_msgs/msg/ServoStatus', 'humble': 'std_msgs/msg/Int8'}
INVALID, COLLISION = 'refuses the command', 'halts: collision'
APPROACHING, LEAVING = 'slows down towards a singularity', 'slows down leaving a singularity'
SINGULAR = 'halts: singularity, only the way back is free'
NEAR, BOUND = 'slows down near a collision', 'halts joints at their bounds'
WORDS = {  # of the codes from -1 on
    'jazzy': (INVALID, '', APPROACHING, SINGULAR, LEAVING, NEAR, COLLISION, BOUND),
    'humble': (INVALID, '', APPROACHING, SINGULAR, NEAR, COLLISION, BOUND, LEAVING),
}


PASSABLE = (APPROACHING, LEAVING, SINGULAR, NEAR, BOUND)  # there is a way on by twists


def words(status: Any, distribution: str) -> str:
    """Say what a status means; empty: all is well, or nothing was heard yet."""
    code = getattr(status, 'code', status)  # Jazzy sends a text with it
    if code is None:
        return ''
    known = dict(enumerate(WORDS[distribution], start=-1))
    return known.get(code, f'says {code}, which {distribution} does not know')


def fault(status: Any, distribution: str) -> str:
    """Say what keeps the arm from moving at all."""
    said = words(status, distribution)
    return '' if said in PASSABLE else said
