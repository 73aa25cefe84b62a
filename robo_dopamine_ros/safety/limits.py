"""The limits of the gate."""

import math
from dataclasses import dataclass

LENGTHS = (
    'speed',
    'turning',
    'acceleration',
    'angular_acceleration',
    'lead',
    'lead_turn',
    'measured_speed',
    'measured_turning',
)
TIMES = (
    'policy_timeout',
    'human_timeout',
    'reset_timeout',
    'arm_timeout',
    'episode_timeout',
    'lock_timeout',
    'stall',
    'stop_time',
)


@dataclass(frozen=True)
class Limits:
    """What the gate lets through; the box and the speeds are those of the tool, base frame."""

    low: tuple[float, ...] = (0.25, -0.35, 0.0)  # corner of the workspace box [m]
    high: tuple[float, ...] = (0.75, 0.35, 0.60)  # opposite corner [m]
    speed: float = 0.15  # [m/s]
    turning: float = 0.8  # [rad/s]
    acceleration: float = 1.0  # [m/s^2]
    angular_acceleration: float = 5.0  # [rad/s^2]
    lead: float = 0.04  # largest way from the measured tool to its target [m]
    lead_turn: float = 0.3  # largest turn from the measured tool to its target [rad]
    measured_speed: float = 1.0  # of the tool, beyond which it was torn away or misread [m/s]
    measured_turning: float = 6.0  # of the tool, beyond which it was torn away or misread [rad/s]
    jumps: bool = False  # the tool may jump as simulated ones do; False: that latches
    force: float = 0.0  # on the tool, beyond which the gate latches [N], 0: not watched
    torque: float = 0.0  # on the tool, beyond which the gate latches [N m], 0: not watched
    policy_timeout: float = 0.3  # silence of the policy [s]
    human_timeout: float = 0.2  # silence of the teleoperator's commands [s]
    reset_timeout: float = 0.3  # silence of the reset motion [s]
    arm_timeout: float = 0.1  # silence of the driver's state [s]
    episode_timeout: float = 1.0  # silence of the conductor while policy or reset acts [s]
    lock_timeout: float = 0.3  # silence of the stop lock [s]
    stall: float = 0.25  # standstill of the gate itself [s]
    future: float = 0.05  # how far ahead a stamp may be [s]
    stop_time: float = 0.3  # from full speed to a hold at most [s]

    def __post_init__(self) -> None:
        if len(self.low) != 3 or len(self.high) != 3:
            raise ValueError(f'low = {self.low}, high = {self.high}; each must be x, y, z [m]')
        for axis, low, high in zip('xyz', self.low, self.high, strict=True):
            if not -math.inf < low < high < math.inf:
                raise ValueError(f'{axis} from {low} to {high} m; low must be below high')
        for name in (*LENGTHS, *TIMES):
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value}; it must be above 0')
        for name in ('force', 'torque', 'future'):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value}; it must be 0 or more')
