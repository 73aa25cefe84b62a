"""The gate: validated commands in, one limited target pose per tick out, with the reason. Pure.

Which source is in control is decided in arbitration.py, commands and arm states are checked in
monitors.py, and motion is limited in limiter.py. `now` is steady time [s] and drives every
timeout; `stamp` is ROS time [ns] and only dates messages.
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
from robo_dopamine_ros.safety.limiter import ZERO_TWIST, Limits, TargetState, advance, brake
from robo_dopamine_ros.safety.monitors import (
    BoxMonitor,
    CommandSource,
    StateMonitor,
    Watchdog,
    check_wrench,
)
from robo_dopamine_ros.safety.sent_target import SentTarget
from robo_dopamine_ros.types import ArmCommand, ArmState, Control, Episode, Mode, Pose

SOURCE_NAMES = {source: source.name.lower() for source in COMMAND_SOURCES}


@dataclass(frozen=True)
class GateSettings:
    """Settings of a gate beside its limits."""

    frame: str = 'base'  # frame_id that commands must have
    armed: bool = False  # whether the arm may move before the first rearm
    require_stop_lock: bool = True  # whether nothing moves without messages of the stop lock


class Gate:
    """Decides once per tick where the arm is sent.

    Requests (`take_over`, `release`, `rearm`) return why they are refused, empty when accepted.

    No target is sent before the gate is armed. The target restarts at the measured tool, with its
    present velocity, when another source becomes active, in every episode, after a release and
    after a rearm; while the arm has a fault it stays there. `stop_time` after a latch it returns
    there as well, immediately when the force is too large, so that a stopped arm does not press.
    What is sent follows within the speed limits, see sent_target.py. After a rearm the gripper is
    left alone until a source commands it.
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
        self._watchdog = Watchdog(limits, settings.require_stop_lock)
        self._monitor, self._box_monitor = StateMonitor(limits), BoxMonitor(limits)
        not_armed = ArbiterState(Mode.STOPPED, 'not armed yet')
        self._state = ArbiterState() if settings.armed else not_armed
        self._never_armed = not settings.armed
        self._rearm_obstacle = 'the gate has not looked at the arm yet'
        self._target: TargetState | None = None  # wanted one
        self._sent = SentTarget(limits)
        self._moving = False  # whether a source moved the arm in the tick before
        self._restarting = False  # whether what is sent is still on its way to a restarted target
        self.gripper_command = math.nan  # opening to send, NaN: none was commanded since the rearm
        self._measured_opening = 1.0
        self._last_source = (Mode.HOLD, '')  # source that moved the arm last, and its episode
        self._return_time = math.inf  # steady time at which the target returns to the tool [s]

    def on_command(
        self, source: Mode, command: ArmCommand, frame: str, stamp: int, now: float
    ) -> str:
        """Return why a command of HUMAN, RESET or POLICY is refused, empty when it is accepted."""
        return self._sources[source].on_command(command, frame, stamp, now)

    def on_episode(self, episode: Episode, now: float) -> None:
        """Store the newest message of the episode manager."""
        self._watchdog.on_episode(episode, now)

    def on_stop_lock(self, locked: bool, now: float) -> None:
        """Store the state of the stop lock."""
        self._watchdog.on_stop_lock(locked, now)

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
            self._restart_target()
            self._arbitrate(now, release=True)
        return ''

    def rearm(self, now: float) -> str:
        """Release the latch, without motion; refused while a cause persists. See `arbitrate`."""
        if not self._state.latch_reason:
            return ''
        if self._rearm_obstacle:
            return self._rearm_obstacle
        self._restart_target()
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
        self._rearm_obstacle = stop_reason or (arm if isinstance(arm, str) else '')
        inputs = self._arbitrate(now, stop_reason=stop_reason)
        limited = self._move_target(arm, now, elapsed)
        reason = hold_reason(self._state, inputs, self._rearm_obstacle, self._topics)
        return self._control(stamp, reason or '; '.join(limited))

    def correct_target(self, control: Control, target: Pose, reason: str) -> Control:
        """Continue from the pose that was really sent, where the driver fell short of the target.

        `reason` is why it fell short; nothing changes when it is empty.
        """
        if not reason:
            return control
        if self._target is not None and self._target.pose is self._sent.pose:
            self._target = replace(self._target, pose=target)  # else the wanted one is not reached
        self._sent.correct(target)
        return replace(
            control, target=target, reason='; '.join(filter(None, (control.reason, reason)))
        )

    def _restart_target(self) -> None:
        """Restart the target at the measured tool, now and with the next active source."""
        self._last_source, self._return_time = (Mode.HOLD, ''), -math.inf

    def _stop_reason(self, arm: ArmState | str, elapsed: float, now: float) -> str:
        """Return which condition must stop the arm, empty: none."""
        received = self._monitor.received  # before the first state no arm has to be stopped
        reason = received and self._watchdog.check_tick(elapsed)
        reason = reason or self._watchdog.check_stop_lock(now)
        if reason:
            return reason
        if isinstance(arm, str):
            return arm if received else ''
        if arm.fault:
            return f'the arm reports: {arm.fault}'
        reason = check_wrench(arm.wrench, self._limits)
        if reason or self._never_armed or self._monitor.pose_jumped:
            return reason
        return self._sent.check(arm.pose, now) or self._box_monitor.check(arm.pose)

    def _arbitrate(self, now: float, **requests: Any) -> ArbiterInputs:
        """Update the arbiter; before the first arm state no source may move the arm."""
        sources = self._sources if self._monitor.received else {}
        inputs = ArbiterInputs(
            statuses={mode: source.status(now) for mode, source in sources.items()},
            status_reasons={mode: source.reason(now) for mode, source in sources.items()},
            phase=self._watchdog.episode.phase,
            episode=self._watchdog.episode.id,
            episode_error=self._watchdog.check_episode(now),
            **requests,
        )
        before, self._state = self._state, arbitrate(self._state, inputs)
        if self._state.latch_reason and not before.latch_reason:
            self._return_time = now + self._limits.stop_time
        return inputs

    def _move_target(self, arm: ArmState | str, now: float, elapsed: float) -> list[str]:
        """Move the target by one tick; return what limited it."""
        if isinstance(arm, str):
            self._target = None  # it restarts at the tool once its pose is known
            return []
        self._measured_opening = arm.gripper
        self._restart(arm, now)
        assert self._target is not None
        reasons: list[str] = []
        if self._state.mode in COMMAND_SOURCES:
            command = self._sources[self._state.mode].command
            self.gripper_command = command.gripper
            twist = np.asarray(command.twist, float)
            self._target, reasons = advance(self._target, twist, arm.pose, self._limits, elapsed)
        else:
            self._target = brake(self._target, arm.pose, self._limits, elapsed)
        jumps = self._never_armed or self._monitor.pose_jumped
        if self._sent.follow(self._target.pose, now, jumps) is self._target.pose:
            self._restarting = False
        return reasons

    def _restart(self, arm: ArmState, now: float) -> None:
        """Restart the target at the tool where it must; without a source it rests where it is."""
        moving = self._state.mode in COMMAND_SOURCES
        if moving is not self._moving:
            self._moving, self._restarting = moving, False
        restarts = self._restarts(arm, now)
        if self._target is None or restarts:
            twist = self._target.twist if self._target and not arm.fault else ZERO_TWIST
            self._target, self._restarting = TargetState(arm.pose, twist), True
        elif self._sent.pose and not moving:
            wanted = self._target.pose if self._restarting else self._sent.pose
            self._target = replace(self._target, pose=self._sent.nearer(wanted, arm.pose))

    def _restarts(self, arm: ArmState, now: float) -> bool:
        """Whether the target must restart at the measured tool in this tick."""
        mode = self._state.mode
        source = (mode, self._watchdog.episode.id if mode in SOURCE_PHASES else '')
        changed = mode in COMMAND_SOURCES and source != self._last_source
        if mode in COMMAND_SOURCES:
            self._last_source = source
        returning = self._return_time < math.inf
        presses = returning and bool(check_wrench(arm.wrench, self._limits))
        returns = now >= self._return_time or presses
        if returns or arm.fault:
            self._return_time = math.inf
        return (
            changed or returns or bool(arm.fault) or self._never_armed or self._monitor.pose_jumped
        )

    def _control(self, stamp: int, reason: str) -> Control:
        """Return what was decided in this tick."""
        mode, target, gripper = self._state.mode, self._target, self.gripper_command
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
                twist=target.twist if target else ZERO_TWIST,
                gripper=self._measured_opening if math.isnan(gripper) else gripper,
                valid=moving,
                reason='' if moving else reason,
                policy_version=command.policy_version if command else 0,
            ),
            target=self._sent.pose if target and not self._never_armed else None,
            requested=np.asarray(command.twist, float) if command else ZERO_TWIST,
        )
