"""Ceilings per model of arm, from the data of its maker: no limit of the gate may lie above them.

Sources: FR3, "Control parameters" of the Franka Control Interface (frankaemika/docs) and its
datasheet; UR, the technical details of each model, whose tool speed is the typical one, and
joint_limits.yaml of ur_description; PiPER, AgileX's product page, which names no tool speed: that
of a joint at full reach is taken. Only the joint accelerations of the FR3 were read from the
maker's page; compare the others with those of your arm before you rely on them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from robo_dopamine_ros.arms.tool_limits import ToolLimits

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.config import ArmConfig

BASE_AND_TOOL = 0.5  # height of the shoulder above the base, and length of a tool [m]


@dataclass(frozen=True)
class Datasheet:
    """What the arm itself can do at most."""

    reach: float  # from the axis of the base [m]
    speed: float  # of the tool [m/s]
    angular_speed: float  # of the tool [rad/s]
    joint_speed: float  # of the fastest joint [rad/s]


def _ur(reach: float, speed: float = 1.0, joint_speed: float = 3.1416) -> Datasheet:
    return Datasheet(reach, speed, 3.1416, joint_speed)


DATASHEETS = {
    'fr3': Datasheet(reach=0.855, speed=2.0, angular_speed=2.5, joint_speed=5.26),
    'piper': Datasheet(reach=0.627, speed=1.9, angular_speed=3.1416, joint_speed=3.927),
    'ur3': _ur(0.5, joint_speed=6.2832),
    'ur3e': _ur(0.5, joint_speed=6.2832),
    'ur5': _ur(0.85),
    'ur5e': _ur(0.85),
    'ur7e': _ur(0.85),
    'ur10': _ur(1.3),
    'ur10e': _ur(1.3),
    'ur12e': _ur(1.3),
    'ur15': _ur(1.3, speed=2.0, joint_speed=5.236),
    'ur16e': _ur(0.9),
    'ur18': _ur(0.95, speed=2.0, joint_speed=5.236),
    'ur20': _ur(1.75, speed=2.0, joint_speed=3.6652),
    'ur30': _ur(1.3, speed=2.0, joint_speed=3.6652),
}


def check_model(model: str) -> None:
    """Raise ValueError for a model of arm that is not known; empty: it is not named."""
    if model not in ('', *DATASHEETS):
        known = ', '.join(DATASHEETS)
        raise ValueError(f'model = {model!r}; it must be {known}, or empty for another arm')


def check_ceilings(driver: 'ArmConfig', limits: ToolLimits) -> None:
    """Raise ValueError for a limit that is above what the arm can do; nothing without a model."""
    sheet = DATASHEETS.get(driver.model)
    if sheet is None:
        return
    own = getattr(driver, driver.arm)
    given = [
        ('limits.speed', limits.speed, sheet.speed, 'm/s'),
        ('limits.angular_speed', limits.angular_speed, sheet.angular_speed, 'rad/s'),
    ]
    if driver.arm == 'servo':
        given += [
            ('driver.servo.speed', own.speed, sheet.speed, 'm/s'),
            ('driver.servo.angular_speed', own.angular_speed, sheet.angular_speed, 'rad/s'),
        ]
    if kinematics := getattr(own, 'kinematics', None):
        key = f'driver.{driver.arm}.kinematics.ik.speed'
        given.append((key, kinematics.ik.speed, sheet.joint_speed, 'rad/s'))
    for key, value, most, unit in given:
        if value > most:
            raise ValueError(f'{key} = {value} {unit}; a {driver.model} reaches {most:.4g} {unit}')
    _check_box(driver.model, sheet.reach + BASE_AND_TOOL, limits)


def _check_box(model: str, farthest: float, limits: ToolLimits) -> None:
    """Raise ValueError for a side of the box that the arm cannot reach."""
    for axis, low, high in zip('xyz', limits.low, limits.high, strict=True):
        for name, value in (('low', low), ('high', high)):
            if abs(value) > farthest:
                raise ValueError(
                    f'limits.{name}: {axis} = {value} m; a {model} with a tool reaches '
                    f'{farthest:.2f} m from its base'
                )
