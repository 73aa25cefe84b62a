"""Rules of the gate, one by one, with the reasons people read."""

from dataclasses import replace

import numpy as np
import pytest

from robo_dopamine_ros.geometry import pose_difference, vector_norm
from robo_dopamine_ros.safety.gate import Gate, GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import (
    SECOND,
    ArmCommand,
    ArmState,
    Control,
    Episode,
    Mode,
    Phase,
    Pose,
)

TICK = 0.02  # [s]
CENTRE = Pose(np.array([0.5, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))
NAMES = {
    Mode.HUMAN: 'teleop/command',
    Mode.RESET: 'reset/command',
    Mode.POLICY: 'policy/command',
}
LIFT, PRESS = np.array([0, 0, 0.1, 0, 0, 0]), np.array([0, 0, -0.1, 0, 0, 0])


def same(a: Pose | None, b: Pose) -> bool:
    """Whether both poses are equal, to the last bit."""
    return a is not None and not (a.position - b.position).any() and not pose_difference(a, b).any()


class Cell:
    """A gate, an arm that follows at once, and sources that repeat their commands."""

    def __init__(self, armed: bool = True, lock: bool = False, **limits: object) -> None:
        self.gate = Gate(Limits(**limits), GateSettings('base', armed, lock), NAMES)  # type: ignore[arg-type]
        self.now = 50.0
        self.pose, self.fault, self.wrench = CENTRE, '', np.full(6, np.nan)
        self.opening = 0.4  # of the gripper, as measured
        self.stamp_offset = 0  # of the driver's stamps [ns]
        self.blocked = False  # whether something keeps the tool where it is
        self.silent = ''  # why the driver publishes no state
        self.commands: dict[Mode, ArmCommand] = {}
        self.episode: Episode | None = Episode(id='one')
        self.control = self.tick()

    @property
    def stamp(self) -> int:
        return int(self.now * SECOND)

    def send(self, source: Mode, frame: str = 'base', **fields: object) -> str:
        command = replace(ArmCommand(self.stamp), **fields)  # type: ignore[arg-type]
        return self.gate.on_command(source, command, frame, self.stamp, self.now)

    def repeat(self, source: Mode, twist: np.ndarray | None = None, reason: str = '') -> None:
        """Send this command before every tick from now on."""
        command = (
            ArmCommand(0, valid=False, reason=reason)
            if twist is None
            else ArmCommand(0, twist=twist)
        )
        self.commands[source] = command

    def push(self, way: float) -> None:
        """Somebody moves the arm along x [m]."""
        self.pose = replace(self.pose, position=self.pose.position + (way, 0.0, 0.0))

    def phase(self, phase: Phase, name: str = 'one') -> None:
        self.episode = Episode(id=name, phase=phase)

    def tick(self, seconds: float = TICK, stop_reason: str = '') -> Control:
        self.now += seconds
        for source, command in self.commands.items():
            self.gate.on_command(
                source, replace(command, stamp=self.stamp), 'base', self.stamp, self.now
            )
        if self.episode is not None:
            self.gate.on_episode(self.episode, self.now)
        empty = np.zeros(0)
        state = ArmState(
            self.stamp + self.stamp_offset,
            self.pose,
            np.zeros(6),
            empty,
            empty,
            (),
            self.opening,
            self.wrench,
            self.fault,
        )
        self.control = self.gate.update(self.now, self.stamp, self.silent or state, stop_reason)
        if self.control.target is not None and not self.blocked:
            self.pose = self.control.target
        return self.control

    def run(self, seconds: float) -> Control:
        for _ in range(round(seconds / TICK)):
            self.tick()
        return self.control


def restarts_at_the_tool(cell: Cell) -> bool:
    """Whether the policy moves the target on from the measured pose, once it has come there."""
    cell.blocked = True
    measured, control = cell.pose, cell.run(0.3)
    assert control.mode is Mode.POLICY
    assert control.target is not None
    x, y, z = control.target.position - measured.position
    return abs(x) < 1e-9 and abs(y) < 1e-9 and 0 < z < 0.04


@pytest.fixture
def cell() -> Cell:
    return Cell()


@pytest.fixture
def busy(cell: Cell) -> Cell:
    """The policy lifts the tool in an episode."""
    cell.phase(Phase.RUNNING)
    cell.repeat(Mode.POLICY, LIFT)
    assert cell.run(0.3).mode is Mode.POLICY
    return cell


def test_policy_acts_while_an_episode_runs(cell: Cell) -> None:
    cell.repeat(Mode.POLICY, LIFT)
    assert (cell.run(0.1).mode, cell.control.reason) == (Mode.HOLD, 'no episode runs: idle')
    cell.phase(Phase.RUNNING)
    cell.run(0.3)
    assert (cell.control.mode, cell.control.reason) == (Mode.POLICY, '')
    assert cell.control.source == 'policy/command'
    assert cell.control.sent.twist == pytest.approx(LIFT)
    cell.phase(Phase.ENDED)
    control = cell.tick()
    assert (control.mode, control.reason) == (Mode.HOLD, 'no episode runs: ended')
    assert 0 < control.sent.twist[2] < LIFT[2]
    assert not cell.run(0.3).sent.twist.any()


def test_a_person_takes_over_in_the_next_tick_and_keeps_the_arm(busy: Cell) -> None:
    measured = busy.pose
    busy.repeat(Mode.HUMAN, PRESS)
    control = busy.tick()
    assert (control.mode, control.source) == (Mode.HUMAN, 'teleop/command')
    assert control.target is not None
    assert control.target.position == pytest.approx(
        measured.position + control.sent.twist[:3] * TICK
    )
    busy.repeat(Mode.HUMAN, reason='dead-man released')
    control = busy.run(0.4)
    assert (control.mode, control.latched) == (Mode.HOLD, False)
    assert control.reason == (
        'a person took over and has not handed back; teleop/command: dead-man released'
    )
    assert busy.run(2.0).mode is Mode.HOLD


def test_release_is_refused_while_the_person_acts_then_the_policy_restarts_at_the_tool(
    busy: Cell,
) -> None:
    busy.repeat(Mode.HUMAN, PRESS)
    busy.run(0.2)
    assert busy.gate.release(busy.now) == 'teleop/command is active; let go of the dead-man first'
    busy.repeat(Mode.HUMAN)
    busy.run(0.4)
    busy.push(0.01)
    assert busy.gate.release(busy.now) == ''
    assert restarts_at_the_tool(busy)


def test_the_service_takes_over_without_a_device(busy: Cell) -> None:
    assert busy.gate.take_over(busy.now) == ''
    assert busy.tick().mode is Mode.HOLD
    assert busy.run(1.0).reason.startswith('a person took over and has not handed back')
    busy.push(0.01)
    assert busy.gate.release(busy.now) == ''
    assert restarts_at_the_tool(busy)


def test_every_episode_restarts_at_the_tool(busy: Cell) -> None:
    busy.phase(Phase.ENDED)
    busy.run(0.5)
    busy.push(0.01)
    busy.phase(Phase.RUNNING, 'two')
    assert restarts_at_the_tool(busy)


def test_an_older_command_is_refused_and_cannot_undo_an_announcement(busy: Cell) -> None:
    busy.commands = {}
    late = ArmCommand(busy.stamp - SECOND // 20, twist=LIFT)
    busy.send(Mode.POLICY, valid=False)
    reason = busy.gate.on_command(Mode.POLICY, late, 'base', busy.stamp, busy.now)
    assert reason == 'it is 0.050 s older than the one before'
    assert busy.tick().mode is Mode.HOLD


@pytest.mark.parametrize(
    ('source', 'timeout'), [(Mode.HUMAN, 0.2), (Mode.RESET, 0.3), (Mode.POLICY, 0.3)]
)
def test_unannounced_silence_latches(cell: Cell, source: Mode, timeout: float) -> None:
    cell.phase({Mode.RESET: Phase.RESETTING}.get(source, Phase.RUNNING))
    cell.repeat(source, LIFT)
    cell.run(0.5)
    silent, cell.commands = cell.now, {}
    while cell.tick().mode is source:
        assert cell.now <= silent + timeout + TICK
    assert cell.now > silent + timeout
    assert cell.control.latched
    assert cell.control.sent.twist[2] < LIFT[2]
    assert cell.control.reason.startswith(f'stopped: {NAMES[source]} is silent for {timeout:.1f}')
    assert not cell.run(0.3).sent.twist.any()
    cell.repeat(source, LIFT)
    assert cell.run(1.0).mode is Mode.STOPPED


def test_what_is_refused_brakes_at_once_and_latches_when_it_goes_on(busy: Cell) -> None:
    busy.commands = {}
    for _ in range(14):
        reason = busy.send(Mode.POLICY, twist=np.full(6, np.nan))
        assert reason == 'twist [nan, nan, nan, nan, nan, nan] is not finite'
        control = busy.tick()
        assert (control.mode, control.reason) == (Mode.HOLD, f'policy/command refused: {reason}')
    for _ in range(3):
        busy.send(Mode.POLICY, twist=np.full(6, np.nan))
        busy.tick()
    assert busy.control.mode is Mode.STOPPED
    assert busy.control.reason.startswith('stopped: policy/command refused for 0.3')


def test_a_refused_person_stops_the_policy_too(busy: Cell) -> None:
    reason = busy.send(Mode.HUMAN, frame='tool')
    assert reason == "its frame is 'tool'; it must be 'base'"
    control = busy.tick()
    assert (control.mode, control.reason) == (Mode.HOLD, f'teleop/command refused: {reason}')
    assert busy.run(0.3).mode is Mode.STOPPED


def test_an_announcement_counts_whatever_else_is_wrong_with_it(busy: Cell) -> None:
    busy.commands = {}
    command = {'valid': False, 'stamp': 0, 'gripper': np.nan, 'reason': 'views are 0.4 s old'}
    assert busy.send(Mode.POLICY, frame='nowhere', **command) == ''
    assert (busy.tick().mode, busy.control.reason) == (
        Mode.HOLD,
        'policy/command: views are 0.4 s old',
    )
    assert not busy.run(1.0).latched


def test_rearming_moves_nothing_that_was_held_down(busy: Cell) -> None:
    busy.repeat(Mode.HUMAN, LIFT)
    busy.run(0.2)
    busy.gate.stop('stop was called', busy.now)
    assert busy.tick().reason == 'stopped: stop was called; rearm to go on (robo-dopamine rearm)'
    assert busy.gate.take_over(busy.now) == 'stopped: stop was called; rearm first'
    assert busy.gate.rearm(busy.now) == ''
    assert busy.run(0.5).reason == (
        'teleop/command was active when the gate was rearmed; let go of the dead-man first'
    )
    busy.repeat(Mode.HUMAN)
    busy.tick()
    busy.repeat(Mode.HUMAN, LIFT)
    assert busy.tick().mode is Mode.HUMAN
    busy.repeat(Mode.HUMAN)
    busy.tick()
    assert busy.gate.release(busy.now) == ''
    assert busy.tick().reason == (
        'this episode began before the gate was rearmed; policy/command waits for the next'
    )
    busy.phase(Phase.RUNNING, 'two')
    assert busy.tick().mode is Mode.POLICY


def test_a_gate_that_was_never_armed_tells_nothing() -> None:
    cell = Cell(armed=False)
    assert cell.control.reason == 'stopped: not armed yet; rearm to go on (robo-dopamine rearm)'
    assert cell.control.target is None
    assert cell.gate.rearm(cell.now) == ''
    assert cell.tick().target is not None
    assert cell.control.mode is Mode.HOLD


def test_rearming_is_refused_while_the_cause_stands(busy: Cell) -> None:
    busy.fault = 'cartesian_reflex'
    assert busy.tick().reason == 'stopped: the arm reports: cartesian_reflex'
    assert busy.gate.rearm(busy.now) == 'the arm reports: cartesian_reflex'
    moved = replace(busy.pose, position=busy.pose.position + (0.0, 0.01, 0.0))
    busy.pose = moved  # by hand
    busy.blocked = True
    assert not same(busy.tick().target, moved)  # no faster than the speed limit
    assert same(busy.run(0.4).target, moved)
    busy.fault = ''
    assert busy.tick().reason.endswith('rearm to go on (robo-dopamine rearm)')
    assert busy.gate.rearm(busy.now) == ''
    assert busy.tick().mode is Mode.HOLD


@pytest.mark.parametrize('alive', [False, True])
def test_an_arm_that_falls_silent_latches_one_that_never_spoke_waits(alive: bool) -> None:
    cell = Cell()
    if not alive:
        cell.gate = Gate(Limits(), GateSettings('base', True, False), NAMES)
    cell.silent = 'silence on current_pose for 0.11 s'
    control = cell.tick()
    assert control.latched == alive
    assert control.target is None
    assert cell.silent in control.reason


def test_the_stop_lock_must_be_published() -> None:
    cell = Cell(lock=True)
    assert cell.control.reason == 'stopped: the stop lock: nothing heard yet'
    cell.gate.on_stop_lock(False, cell.now)
    assert cell.gate.rearm(cell.now) == 'the stop lock: nothing heard yet'  # so said the last tick
    cell.tick()
    assert cell.gate.rearm(cell.now) == ''
    assert cell.tick().mode is Mode.HOLD
    cell.gate.on_stop_lock(True, cell.now)
    assert cell.tick().reason == 'stopped: the stop lock is locked'
    cell.gate.on_stop_lock(False, cell.now)
    cell.tick()
    assert cell.gate.rearm(cell.now) == ''
    assert cell.run(0.26).mode is Mode.HOLD
    assert cell.run(0.06).reason.startswith('stopped: the stop lock is silent for 0.3')
    cell.gate.on_stop_lock(False, cell.now)
    cell.tick()
    assert cell.gate.rearm(cell.now) == ''
    stalled = 'stopped: the gate stood still for 1.00 s, longer than 0.25 s; and now: '
    cell.tick(1.0)  # in which it could not hear the lock either
    assert cell.tick().reason.startswith(stalled + 'the stop lock is silent for 1.0')


def test_a_silent_episode_manager_latches_only_those_it_directs(busy: Cell) -> None:
    busy.episode = None
    assert busy.run(0.9).mode is Mode.POLICY
    busy.run(0.2)
    assert busy.control.reason.startswith('stopped: episode is silent for 1.0')
    busy.gate.rearm(busy.now)
    busy.repeat(Mode.HUMAN)
    busy.tick()
    busy.repeat(Mode.HUMAN, LIFT)
    assert busy.run(2.0).mode is Mode.HUMAN


def test_a_rival_and_a_stall_latch(cell: Cell) -> None:
    assert cell.tick(0.24).mode is Mode.HOLD
    cell.tick(stop_reason='2 publishers on /target_pose')
    assert cell.control.reason == 'stopped: 2 publishers on /target_pose'
    cell.tick()
    assert cell.gate.rearm(cell.now) == ''
    assert cell.tick().mode is Mode.HOLD
    assert cell.tick(0.4).reason == 'stopped: the gate stood still for 0.40 s, longer than 0.25 s'
    cell.tick()
    assert cell.gate.rearm(cell.now) == ''


def test_too_much_force_latches_and_lets_go() -> None:
    cell = Cell(force=20.0)
    cell.wrench = np.zeros(6)
    cell.tick()
    cell.gate.rearm(cell.now)
    cell.repeat(Mode.HUMAN, PRESS)
    cell.run(0.3)
    cell.blocked = True
    control = cell.run(2.0)
    assert 0.035 < vector_norm(control.target.position - cell.pose.position) < 0.0401
    assert 'ahead of the tool' in control.reason
    cell.wrench = np.array([0, 0, 25.0, 0, 0, 0])
    control = cell.tick()
    assert control.reason == 'stopped: the force on the tool is 25.0 N; the limit is 20.0 N'
    assert not control.sent.twist.any()
    assert same(cell.run(0.7).target, cell.pose)


def test_a_force_that_must_be_watched_must_be_known() -> None:
    cell = Cell(force=20.0)
    assert cell.control.reason == 'stopped: the force on the tool is not known; the limit is 20.0 N'


def test_a_stopped_arm_presses_no_more() -> None:
    cell = Cell()
    cell.blocked = True
    cell.repeat(Mode.HUMAN, PRESS)
    cell.run(1.0)
    cell.gate.stop('stop was called', cell.now)
    assert not same(cell.tick().target, cell.pose)
    assert same(cell.run(0.34 + 0.7).target, cell.pose)


def test_a_tool_that_jumps_is_not_believed_until_it_stays(busy: Cell) -> None:
    true = busy.pose
    busy.pose = replace(true, position=true.position + (0.3, 0.0, 0.0))
    control = busy.tick()
    assert control.target is None
    assert control.reason == (
        'stopped: the tool is measured 0.300 m, 0.00 rad from where it was 0.02 s before; '
        'faster than 1.00 m/s, 6.00 rad/s'
    )
    busy.pose = true
    assert busy.run(0.3).target is None
    assert same(busy.run(0.1).target, true)
    assert busy.gate.rearm(busy.now) == ''


def test_a_simulated_tool_may_jump_and_the_target_goes_along() -> None:
    cell = Cell(allow_pose_jumps=True)
    cell.pose = Pose(CENTRE.position + (0.1, 0.1, 0.0), CENTRE.orientation)
    place = cell.pose
    assert cell.tick().mode is Mode.HOLD
    assert same(cell.control.target, place)


def test_a_pushed_arm_takes_its_target_along(cell: Cell) -> None:
    start = cell.pose
    cell.pose = replace(start, position=start.position + (0.015, 0.0, 0.0))
    cell.blocked = True
    assert same(cell.tick().target, start)
    for _ in range(50):
        cell.push(0.0025)
        cell.tick()
    assert cell.control.target is not None
    assert cell.pose.position - cell.control.target.position == pytest.approx((0.04, 0, 0))
    assert not cell.control.latched


def test_a_tool_that_moves_away_faster_than_its_target_may_latches(cell: Cell) -> None:
    """0.95 m/s, below what counts as a misread pose: HOLD followed it at that speed, for ever."""
    cell.blocked = True
    target = cell.tick().target
    for _ in range(10):
        cell.push(0.019)
        before, target = target, cell.tick().target
        assert target is not None
        assert before is not None
        assert vector_norm(target.position - before.position) <= 0.15 * TICK + 1e-12
    assert 'as if pushed; at most 0.060 m' in cell.control.reason
    assert cell.control.latched
    assert cell.gate.rearm(cell.now) != ''
    cell.run(1.5)
    assert cell.gate.rearm(cell.now) == ''


def test_a_take_over_of_an_arm_that_lags_sends_no_step() -> None:
    cell = Cell(speed=0.03)
    cell.blocked = True
    cell.phase(Phase.RUNNING)
    cell.repeat(Mode.POLICY, LIFT)
    before = cell.run(2.0).target
    cell.repeat(Mode.HUMAN, PRESS)
    for _ in range(100):
        after = cell.tick().target
        assert before is not None
        assert after is not None
        assert vector_norm(after.position - before.position) <= 0.03 * TICK + 1e-12
        before = after
    assert cell.control.mode is Mode.HUMAN


def test_a_tool_pushed_out_of_the_box_and_back_is_not_pulled_out_again(cell: Cell) -> None:
    cell.pose = replace(CENTRE, position=np.array([0.74, 0.0, 0.3]))
    cell.gate.stop('stop was called', cell.now)
    cell.run(1.0)
    cell.gate.rearm(cell.now)
    cell.blocked = True
    for _ in range(35):  # 0.10 m at 0.14 m/s
        cell.push(0.0029)
        cell.tick()
    assert cell.control.target is not None
    assert cell.control.target.position[0] > 0.75
    for _ in range(35):
        cell.push(-0.0029)
        cell.tick()
    cell.run(0.5)
    assert cell.control.target.position[0] <= 0.75


def test_a_tool_pushed_out_of_the_box_latches_once_and_can_be_brought_back(cell: Cell) -> None:
    cell.blocked = True
    while cell.pose.position[0] < 0.85:
        cell.push(0.0025)
        cell.tick()
    assert cell.control.reason.startswith('stopped: the tool is 0.04')
    assert 'outside the workspace, at x = 0.79' in cell.control.reason
    cell.run(1.0)
    assert cell.gate.rearm(cell.now) == ''
    cell.repeat(Mode.HUMAN)
    cell.tick()
    cell.repeat(Mode.HUMAN, np.array([-0.1, 0, 0, 0, 0, 0]))
    cell.run(0.2)
    cell.blocked = False
    assert cell.run(2.0).mode is Mode.HUMAN
    assert cell.pose.position[0] < 0.75


@pytest.mark.parametrize('measured', [0.05, 0.6, 1.0])
@pytest.mark.parametrize('commanded', [None, 0.0, 1.0])
def test_rearming_leaves_the_fingers_alone(commanded: float | None, measured: float) -> None:
    """A person clamps a part with the vendor's tool, before or after a stop: it stays clamped."""
    cell = Cell(armed=commanded is not None)
    if commanded is not None:
        cell.send(Mode.HUMAN, gripper=commanded)
        cell.tick()
        assert cell.gate.gripper_command == commanded
        cell.gate.stop('stop was called', cell.now)
        cell.run(0.5)
    cell.opening = measured
    cell.tick()
    assert cell.gate.rearm(cell.now) == ''
    cell.run(0.5)
    assert np.isnan(cell.gate.gripper_command)
    assert cell.control.sent.gripper == measured
    cell.send(Mode.HUMAN, valid=False)
    cell.tick()
    cell.send(Mode.HUMAN, gripper=0.3)
    cell.tick()
    assert cell.gate.gripper_command == 0.3


def test_stamps_of_the_driver_excuse_no_jump(cell: Cell) -> None:
    cell.blocked = True
    cell.tick()
    cell.push(0.2)
    cell.stamp_offset = SECOND // 4
    assert 'faster than 1.00 m/s' in cell.tick().reason
    assert cell.control.latched


def test_a_computer_that_was_suspended_latches(busy: Cell) -> None:
    """The clock of the gate goes on meanwhile; the command from before moves nothing."""
    before = busy.run(0.5).target
    for source in list(busy.commands):
        del busy.commands[source]
    control = busy.tick(3600.0)
    assert control.latched
    assert 'the gate stood still for 3600.00 s' in control.reason
    assert control.target is not None
    assert before is not None
    assert vector_norm(control.target.position - before.position) <= 0.15 * 0.05 + 1e-9


def test_from_outside_the_box_there_is_only_a_way_in() -> None:
    cell = Cell()
    cell.pose = Pose(np.array([0.5, 0.0, -0.05]), CENTRE.orientation)
    cell.gate = Gate(Limits(), GateSettings('base', True, False), NAMES)
    cell.repeat(Mode.HUMAN, PRESS)
    control = cell.run(0.5)
    assert control.target.position[2] == -0.05
    assert control.reason.startswith('wall of the workspace at z = 0.000 m')
    cell.repeat(Mode.HUMAN, LIFT)
    assert cell.run(1.0).target.position[2] > 0.02


def test_motion_ends_softly_at_the_wall() -> None:
    cell = Cell()
    cell.repeat(Mode.HUMAN, np.array([5.0, 0, 0, 0, 0, 0]))
    cell.run(0.3)
    assert cell.control.reason == '5 m/s limited to 0.15 m/s'
    speeds = [cell.tick().sent.twist[0] for _ in range(200)]
    assert cell.pose.position[0] == pytest.approx(0.75, abs=1e-3)
    assert cell.pose.position[0] <= 0.75
    assert np.abs(np.diff([0.15, *speeds])).max() <= 1.0 * TICK / np.sqrt(3) + 1e-9


def test_clocks_set_back_or_forward_do_not_deafen_the_gate(busy: Cell) -> None:
    busy.commands = {}
    for shift in (-3600, 3600, -0.4):
        for _ in range(10):
            busy.tick()
            stamp = busy.stamp + int(shift * SECOND)
            reason = busy.gate.on_command(
                Mode.POLICY, ArmCommand(stamp, twist=LIFT), 'base', stamp, busy.now
            )
            assert reason == ''
        assert busy.tick().mode is Mode.POLICY


def test_where_the_arm_was_really_sent_the_next_tick_goes_on(busy: Cell) -> None:
    short = replace(busy.pose, position=busy.pose.position - (0.0, 0.0, 0.002))
    control = busy.gate.correct_target(busy.tick(), short, 'joint 4 at its limit 2.80 rad')
    assert (control.target, control.reason) == (short, 'joint 4 at its limit 2.80 rad')
    busy.pose = short
    assert busy.tick().target.position == pytest.approx(short.position + LIFT[:3] * TICK)
    assert busy.gate.correct_target(busy.control, CENTRE, '') is busy.control


@pytest.mark.parametrize('seconds', [0.05, 0.1, 0.2])
def test_late_ticks_brake_in_time_and_send_the_target_no_farther(
    busy: Cell, seconds: float
) -> None:
    busy.run(1.0)
    busy.phase(Phase.ENDED)
    place, since = busy.pose, busy.now
    while busy.tick(seconds).sent.twist.any():
        assert busy.now < since + seconds + busy.gate._limits.stop_time
    assert vector_norm(busy.pose.position - place.position) < 0.1 * busy.gate._limits.stop_time


def test_rotation_slows_down_near_the_largest_tracking_error(cell: Cell) -> None:
    cell.blocked = True
    cell.repeat(Mode.HUMAN, np.array([0, 0, 0, 0, 0, 0.5]))
    spins = [cell.tick().sent.twist[5] for _ in range(60)]
    assert cell.control.reason == 'the target is 0.300 rad ahead of the tool; 0.300 rad is allowed'
    assert np.diff(spins).min() >= -5.0 * TICK - 1e-9
    assert spins[-1] < 0.01


def test_the_requested_twist_is_published_though_it_is_limited(cell: Cell) -> None:
    cell.blocked = True
    command = np.array([0.0, 0.0, -0.1, 0.0, 0.0, 0.5])
    cell.repeat(Mode.HUMAN, command)
    control = cell.run(3.0)
    assert np.abs(control.sent.twist).max() < 0.01
    np.testing.assert_array_equal(control.requested, command)
    cell.repeat(Mode.HUMAN, reason='let go')
    assert not cell.run(0.2).requested.any()


def test_after_a_pause_what_is_sent_begins_at_the_measured_tool(cell: Cell) -> None:
    cell.blocked = True
    cell.run(0.2)
    cell.push(0.2)
    control = cell.tick(5.0)
    assert control.latched
    assert same(control.target, cell.pose)
