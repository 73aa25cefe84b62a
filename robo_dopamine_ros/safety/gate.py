"""The gate: validated commands in, one limited target pose per tick out, with the reason. Pure.

Which source is in control is decided in arbitration.py, commands and arm states are checked in
monitors.py, further inputs in safety_inputs.py; target.py moves the target, within limiter.py.
`now` is steady time [s] and drives every timeout; `stamp` is ROS time [ns] and only dates messages.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from robo_dopamine_ros.safety.arbitration import (
    COMMAND_SOURCES,
    REQUESTING,
    SOURCE_PHASES,
    ArbiterInputs,
    ArbiterState,
    arbitrate,
    hold_reason,
)
from robo_dopamine_ros.safety.limiter import ZERO_TWIST, Limits
from robo_dopamine_ros.safety.monitors import (
    BoxMonitor,
    CommandSource,
    StateMonitor,
    Watchdog,
    check_wrench,
)
from robo_dopamine_ros.safety.safety_inputs import EnablingSwitch, StopLocks, Zones, slow_down
from robo_dopamine_ros.safety.target import ToolTarget
from robo_dopamine_ros.types import ArmCommand, ArmState, Control, Episode, Mode, Pose

STOP_LOCK, ZONE = 'stop_lock', 'safety/zone'  # topics where a cell has one of a kind
SOURCE_NAMES = {source: source.name.lower() for source in COMMAND_SOURCES}


@dataclass(frozen=True)
class GateSettings:
    """Settings of a gate beside its limits."""

    frame: str = 'base'  # frame_id that commands must have
    armed: bool = False  # whether the arm may move before the first rearm
    require_stop_lock: bool = True  # whether nothing moves without messages of the stop lock
    other_stop_locks: tuple[str, ...] = ()  # topics of further stop locks, all required
    require_enable: bool = False  # whether policy and reset motion need the enabling switch
    zones: tuple[str, ...] = ()  # topics of zones, without whose messages nothing moves


class Gate:
    """Decides once per tick where the arm is sent.

    Requests (`take_over`, `release`, `rearm`) return why they are refused, empty when accepted.

    No target is sent before the gate is armed. See target.py for when it restarts at the tool, and
    how what is sent follows. After a rearm the gripper is left alone until a source commands it.
    """

    def __init__(
        self, limits: Limits, settings: GateSettings, topics: Mapping[Mode, str] = SOURCE_NAMES
    ) -> None:
        """`topics` are the names of the command sources in reasons."""
        timeouts = (limits.human_timeout, limits.reset_timeout, limits.policy_timeout)
        self._limits, self._topics = limits, topics
        self._sources = {
            source: CommandSource(topics[source], timeout, limits.future_tolerance, settings.frame)
            for source, timeout in zip(COMMAND_SOURCES, timeouts, strict=True)
        }
        self._watchdog = Watchdog(limits)
        locks = (STOP_LOCK,) if settings.require_stop_lock else ()
        self._stop_locks = StopLocks((*locks, *settings.other_stop_locks), limits.lock_timeout)
        self._switch = EnablingSwitch(settings.require_enable, limits.enable_timeout)
        self._zones = Zones(settings.zones, limits.zone_timeout)
        self._monitor, self._box_monitor = StateMonitor(limits), BoxMonitor(limits)
        not_armed = ArbiterState(Mode.STOPPED, 'not armed yet')
        self._state = ArbiterState() if settings.armed else not_armed
        self._never_armed = not settings.armed
        self._rearm_obstacle = 'the gate has not looked at the arm yet'
        self._target = ToolTarget(limits)
        self.gripper_command = math.nan  # opening to send, NaN: none was commanded since the rearm
        self._measured_opening = 1.0

    def on_command(
        self, source: Mode, command: ArmCommand, frame: str, stamp: int, now: float
    ) -> str:
        """Return why a command of HUMAN, RESET or POLICY is refused, empty when it is accepted."""
        return self._sources[source].on_command(command, frame, stamp, now)

    def on_episode(self, episode: Episode, now: float) -> None:
        """Store the newest message of the episode manager."""
        self._watchdog.on_episode(episode, now)

    def on_stop_lock(self, locked: bool, now: float, topic: str = STOP_LOCK) -> None:
        """Store the state of a stop lock; one that locks stops at once, however shortly."""
        self._stop_locks.on_message(topic, locked, now)
        if locked:
            self.stop(self._stop_locks.check(now), now)

    def on_enable(self, held: bool, now: float) -> None:
        """Store the state of the enabling switch."""
        self._switch.on_message(held, now)

    def on_zone(self, state: int, device: str, now: float, topic: str = ZONE) -> None:
        """Store the state of a zone; one that says stop stops at once, however shortly."""
        self._zones.on_message(topic, state, device, now)
        if self._zones.stops:
            self.stop(self._zones.check(now), now)

    def set_source_fault(self, source: Mode, reason: str) -> None:
        """Set why no command of a source counts; empty: they do. If it was active, this latches."""
        self._sources[source].fault = reason

    def stop(self, reason: str, now: float) -> None:
        """Stop and latch."""
        self._arbitrate(now, stop_reason=reason)

    def take_over(self, now: float) -> str:
        """Hold for a person, whichever source is active, until `release`."""
        if self._state.latch_reason:
            return f'stopped: {self._state.latch_reason}; rearm first'
        self._arbitrate(now, take_over=True)
        return ''

    def release(self, now: float) -> str:
        """Hand control back; refused while the person commands motion."""
        human = self._sources[Mode.HUMAN]
        if human.status(now) in REQUESTING:
            return f'{human.topic} is active; let go of the dead-man first'
        if self._state.taken_over:
            self._target.restart()
            self._arbitrate(now, release=True)
        return ''

    def rearm(self, now: float) -> str:
        """Release the latch, without motion; refused while a cause persists. See `arbitrate`."""
        if not self._state.latch_reason:
            return ''
        locked = self._stop_locks.check(now) or self._zones.check(now)  # since the last tick
        if obstacle := locked or self._rearm_obstacle:
            return obstacle
        self._target.restart()
        if self._never_armed:
            self._target.sent.forget()
        self._box_monitor.restart()
        self.gripper_command, self._never_armed = math.nan, False
        self._arbitrate(now, rearm=True)
        return ''

    def update(
        self, now: float, stamp: int, state: ArmState | str, stop_reason: str = ''
    ) -> Control:
        """Decide one tick, by the arm state or the reason why it is not known.

        `stop_reason` is a further condition that must stop the arm, as a second publisher.
        """
        elapsed = self._watchdog.tick(now)
        arm = self._monitor.update(state, now)
        stop_reason = stop_reason or self._stop_reason(arm, elapsed, now)
        unknown = arm if isinstance(arm, str) else ''
        self._rearm_obstacle = stop_reason or unknown or self._source_fault()
        inputs = self._arbitrate(now, stop_reason=stop_reason)
        if inputs.enable_error:
            self._target.restart_with_next(SOURCE_PHASES)  # when it is enabled again
        limited = self._move_target(arm, now, elapsed)
        reason = hold_reason(self._state, inputs, self._rearm_obstacle, self._topics)
        return self._control(stamp, reason or '; '.join(limited))

    def correct_target(self, control: Control, target: Pose, reason: str) -> Control:
        """Continue from the pose that was really sent, where the driver fell short of the target.

        `reason` is why it fell short; nothing changes when it is empty.
        """
        if not reason:
            return control
        self._target.correct(target)
        return replace(
            control, target=target, reason='; '.join(filter(None, (control.reason, reason)))
        )

    def _stop_reason(self, arm: ArmState | str, elapsed: float, now: float) -> str:
        """Return which condition must stop the arm, empty: none."""
        received = self._monitor.received  # before the first state no arm has to be stopped
        reason = received and self._watchdog.check_tick(elapsed)
        reason = reason or self._stop_locks.check(now) or self._zones.check(now)
        if reason:
            return reason
        if isinstance(arm, str):
            return arm if received else ''
        if arm.fault:
            return f'the arm reports: {arm.fault}'
        reason = check_wrench(arm.wrench, self._limits)
        if reason or self._never_armed or self._monitor.pose_jumped:
            return reason
        return self._target.sent.check(arm.pose, now) or self._box_monitor.check(arm.pose)

    def _source_fault(self) -> str:
        """Return why the commands of a source do not count; empty: those of all do."""
        return next(filter(None, (source.fault for source in self._sources.values())), '')

    def _arbitrate(self, now: float, **requests: Any) -> ArbiterInputs:
        """Update the arbiter; before the first arm state no source may move the arm."""
        sources = self._sources if self._monitor.received else {}
        inputs = ArbiterInputs(
            statuses={mode: source.status(now) for mode, source in sources.items()},
            status_reasons={mode: source.reason(now) for mode, source in sources.items()},
            phase=self._watchdog.episode.phase,
            episode=self._watchdog.episode.id,
            episode_error=self._watchdog.check_episode(now),
            enable_error=self._switch.check(now),
            enable_silent=self._switch.is_silent(now),
            **requests,
        )
        before, self._state = self._state, arbitrate(self._state, inputs)
        if self._state.latch_reason and not before.latch_reason:
            self._target.latch(now)
        return inputs

    def _move_target(self, arm: ArmState | str, now: float, elapsed: float) -> list[str]:
        """Move the target by one tick; return what limited it."""
        if isinstance(arm, str):
            self._target.clear()
            return []
        self._measured_opening, mode = arm.gripper, self._state.mode
        jumps = self._never_armed or self._monitor.pose_jumped
        slow_reason = self._zones.slow_reason()
        self._target.sent.scale = self._limits.slow_scale if slow_reason else 1.0
        if mode not in COMMAND_SOURCES:
            return self._target.update(arm, now, elapsed, None, jumps)
        command = self._sources[mode].command
        self.gripper_command = command.gripper
        slowed: list[str] = []
        twist = np.asarray(command.twist, float)
        if slow_reason:
            twist, slowed = slow_down(twist, self._limits, slow_reason)
        source = (mode, self._watchdog.episode.id if mode in SOURCE_PHASES else '')
        return slowed + self._target.update(arm, now, elapsed, (source, twist), jumps)

    def _control(self, stamp: int, reason: str) -> Control:
        """Return what was decided in this tick."""
        mode, gripper = self._state.mode, self.gripper_command
        moving = mode in COMMAND_SOURCES
        command = self._sources[mode].command if moving else None
        return Control(
            stamp=stamp,
            mode=mode,
            latched=bool(self._state.latch_reason),
            reason=reason,
            source=self._topics[mode] if moving else '',
            sent=ArmCommand(
                stamp,
                twist=self._target.twist,
                gripper=self._measured_opening if math.isnan(gripper) else gripper,
                valid=moving,
                reason='' if moving else reason,
                policy_version=command.policy_version if command else 0,
            ),
            target=None if self._never_armed else self._target.pose,
            requested=np.asarray(command.twist, float) if command else ZERO_TWIST,
        )
