"""Parameters of the gate, and which protections they switch off."""

import re
from dataclasses import dataclass, field

from robo_dopamine_ros.arms.config import ArmConfig
from robo_dopamine_ros.arms.datasheets import check_ceilings
from robo_dopamine_ros.arms.tool_limits import ToolLimits
from robo_dopamine_ros.safety.limiter import SQRT3, Limits

TOPIC = re.compile(r'/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*')
ENABLE_INPUTS = ('topic', 'none')


@dataclass(frozen=True)
class GateParameters:
    """Parameters of the gate: tick rate, arming, safety inputs, arm and limits."""

    rate: float = 50.0  # of ticks, each sends one target to the driver [Hz], 50..100
    simulated: bool = False  # the arm is simulated: protections may be off without being named
    disabled_protections: tuple[str, ...] = ()  # on hardware: the keys of all that are off
    armed: bool = False  # whether the arm may move before `rearm` was called once
    stop_lock: bool = True  # nothing moves unless `stop_lock` is published as false, at 10 Hz
    other_stop_locks: tuple[str, ...] = ()  # topics of further stop locks, all required
    enable: str = 'topic'  # policy and reset motion need the topic `enable`; none: they do not
    zone: bool = False  # nothing moves unless `safety/zone` is published, at 10 Hz
    other_zones: tuple[str, ...] = ()  # topics of further zones, all required
    driver: ArmConfig = field(default_factory=ArmConfig)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 50 <= self.rate <= 100:
            raise ValueError(f'rate = {self.rate} Hz; it must lie in 50..100 Hz')
        if self.enable not in ENABLE_INPUTS:
            raise ValueError(f'enable = {self.enable!r}; it must be {" or ".join(ENABLE_INPUTS)}')
        for key, first in (('other_stop_locks', 'stop_lock'), ('other_zones', 'safety/zone')):
            names = (first, *getattr(self, key))
            if len(set(names)) < len(names) or not all(map(TOPIC.fullmatch, names)):
                raise ValueError(f'{key} = {list(names[1:])}; each must be a topic of its own')
        if unknown := [key for key in self.disabled_protections if key not in self.protections()]:
            known = ', '.join(self.protections())
            raise ValueError(
                f'disabled_protections: no protection {", ".join(unknown)}; there are {known}'
            )
        check_ceilings(self.driver, self.tool_limits)
        self._require_names()

    @property
    def tool_limits(self) -> ToolLimits:
        """Limits of the tool, for arms whose joints are computed here."""
        limits, braking = self.limits, self.limits.acceleration / SQRT3
        return ToolLimits(limits.speed, limits.angular_speed, limits.low, limits.high, braking)

    def protections(self) -> dict[str, str]:
        """Return by parameter what happens because it switches a protection off; empty: on."""
        limits = self.limits
        locks = self.stop_lock or self.other_stop_locks
        zones = self.zone or self.other_zones
        off = {
            'armed': (self.armed, 'the arm may move without having been armed by a person'),
            'stop_lock': (not locks, 'nothing stops when the stop lock is lost'),
            'enable': (self.enable == 'none', 'policy and reset move while nobody enables them'),
            'zone': (not zones, 'nobody is noticed near the arm'),
            'limits.force': (not limits.force, 'no force on the tool stops the arm'),
            'limits.torque': (not limits.torque, 'no torque on the tool stops the arm'),
            'limits.allow_pose_jumps': (limits.allow_pose_jumps, 'no jump of the tool stops it'),
        }
        return {key: effect if is_off else '' for key, (is_off, effect) in off.items()}

    def disabled(self) -> list[str]:
        """Return the keys of the protections that are off."""
        return [key for key, effect in self.protections().items() if effect]

    def needlessly_named(self) -> list[str]:
        """Return the protections that are named as disabled although they are on."""
        return [key for key in self.disabled_protections if key not in self.disabled()]

    def _require_names(self) -> None:
        """On hardware, a protection that is off must be named."""
        unnamed = [key for key in self.disabled() if key not in self.disabled_protections]
        if self.simulated or not unnamed:
            return
        effects = self.protections()
        told = '; '.join(f'{key}: {effects[key]}' for key in unnamed)
        wanted = ', '.join([*self.disabled_protections, *unnamed])
        raise ValueError(
            f'protections are off without being named ({told}). Switch them on, or write under '
            f'`gate: ros__parameters:` `disabled_protections: [{wanted}]`; '
            'for a simulated arm write `simulated: true`'
        )
