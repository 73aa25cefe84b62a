"""Stop locks, enabling switch and zones: what stops, what holds, what slows down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_gate import LIFT, NAMES, TICK, Cell, restarts_at_the_tool

from robo_dopamine_ros.geometry import vector_norm
from robo_dopamine_ros.safety.arbitration import SOURCE_PHASES
from robo_dopamine_ros.safety.gate import Gate, GateSettings
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.safety.safety_inputs import MAX_DEVICES, ZoneState
from robo_dopamine_ros.types import Control, Mode, Phase

PLC = 'plc/stop_lock'


class WatchedCell(Cell):
    """A cell whose gate has safety inputs; each is published before every tick unless None."""

    def __init__(self, settings: GateSettings, **limits: float) -> None:
        self.locks: dict[str, bool | None] = {}
        self.held: bool | None = False
        self.zones: dict[tuple[str, str], int | None] = {}
        super().__init__()
        self.gate = Gate(Limits(**limits), settings, NAMES)  # type: ignore[arg-type]
        self.tick()

    def tick(self, seconds: float = TICK, stop_reason: str = '') -> Control:
        now = self.now + seconds
        for topic, locked in self.locks.items():
            if locked is not None:
                self.gate.on_stop_lock(locked, now, topic)
        for (topic, device), state in self.zones.items():
            if state is not None:
                self.gate.on_zone(state, device, now, topic)
        if self.held is not None:
            self.gate.on_enable(self.held, now)
        return super().tick(seconds, stop_reason)

    def rearm(self) -> str:
        self.tick()
        return self.gate.rearm(self.now)


def enabled_cell(source: Mode = Mode.POLICY) -> WatchedCell:
    """A cell in which a source moves the arm while the enabling switch is held."""
    cell = WatchedCell(GateSettings(armed=True, require_stop_lock=False, require_enable=True))
    cell.phase(SOURCE_PHASES.get(source, Phase.RUNNING))
    cell.repeat(source, LIFT)
    cell.tick()
    cell.held = True
    cell.run(0.3)
    return cell


@pytest.mark.parametrize('source', SOURCE_PHASES)
def test_policy_and_reset_hold_while_the_switch_is_released_and_go_on(source: Mode) -> None:
    cell = enabled_cell(source)
    assert cell.control.mode is source
    cell.held = False
    control = cell.tick()
    assert (control.mode, control.latched) == (Mode.HOLD, False)
    assert control.reason == f'{NAMES[source]} waits: the enabling switch is released'
    assert 0 < control.sent.twist[2] < LIFT[2], 'it brakes'
    assert not cell.run(0.3).sent.twist.any()
    cell.push(0.01)
    cell.held, cell.blocked, measured = True, True, cell.pose
    control = cell.run(0.3)
    assert control.mode is source
    assert control.target is not None
    x, y, z = control.target.position - measured.position
    assert (x, y) == pytest.approx((0, 0), abs=1e-9), 'from the measured tool'
    assert 0 < z < 0.04


def test_the_policy_restarts_at_the_tool_when_it_is_enabled_again() -> None:
    cell = enabled_cell()
    cell.held = False
    cell.run(0.5)
    cell.push(0.01)
    cell.held = True
    assert restarts_at_the_tool(cell)


def test_a_person_needs_no_enabling_switch() -> None:
    cell = enabled_cell()
    cell.held = None
    cell.repeat(Mode.HUMAN, LIFT)
    assert cell.run(1.0).mode is Mode.HUMAN


def test_a_silent_switch_latches_the_motion_under_way() -> None:
    cell = enabled_cell()
    cell.held = None
    assert cell.run(0.28).mode is Mode.POLICY
    assert cell.run(0.06).latched
    assert cell.control.reason.startswith('stopped: the enabling switch is silent for 0.')
    cell.held = True
    assert cell.rearm() == ''
    cell.phase(Phase.RUNNING, 'two')
    assert cell.run(0.2).reason.endswith(
        'the enabling switch was held before it was watched; release it first'
    )
    cell.held = False
    cell.tick()
    cell.held = True
    assert cell.tick().mode is Mode.POLICY


def test_a_switch_silent_at_rest_latches_nothing_and_must_be_pressed_anew() -> None:
    cell = enabled_cell()
    cell.held = False
    cell.run(0.3)
    cell.held = None
    control = cell.run(1.0)
    assert (control.mode, control.latched) == (Mode.HOLD, False)
    assert 'the enabling switch is silent for' in control.reason
    cell.held = True  # it lies under something
    assert cell.run(1.0).mode is Mode.HOLD


def test_a_switch_that_was_never_heard_enables_nothing() -> None:
    cell = WatchedCell(GateSettings(armed=True, require_stop_lock=False, require_enable=True))
    cell.held = None  # from the beginning of another gate
    cell.gate = Gate(Limits(), GateSettings('base', True, False, require_enable=True), NAMES)
    cell.phase(Phase.RUNNING)
    cell.repeat(Mode.POLICY, LIFT)
    control = cell.run(0.5)
    assert (control.mode, control.latched) == (Mode.HOLD, False)
    assert control.reason == 'policy/command waits: the enabling switch: nothing heard yet'


def test_every_stop_lock_must_be_open_and_alive() -> None:
    settings = GateSettings(armed=True, other_stop_locks=(PLC,))
    cell = WatchedCell(settings)
    assert cell.control.reason == 'stopped: the stop lock: nothing heard yet'
    cell.locks = {'stop_lock': False}
    assert cell.rearm() == f'the stop lock {PLC}: nothing heard yet'
    cell.locks = {'stop_lock': False, PLC: False}
    assert cell.rearm() == ''
    cell.locks[PLC] = None
    assert cell.run(0.4).reason.startswith(f'stopped: the stop lock {PLC} is silent for 0.')
    cell.locks[PLC] = True
    assert cell.rearm() == f'the stop lock {PLC} is locked'
    cell.locks[PLC] = False
    assert cell.rearm() == ''
    assert cell.tick().mode is Mode.HOLD


def test_a_lock_that_locks_between_two_ticks_stops_too() -> None:
    cell = WatchedCell(GateSettings(armed=True, require_stop_lock=False))
    cell.gate.on_stop_lock(True, cell.now)
    cell.gate.on_stop_lock(False, cell.now)
    assert (
        cell.tick().reason
        == 'stopped: the stop lock is locked; rearm to go on (robo-dopamine rearm)'
    )


def watched(**limits: float) -> WatchedCell:
    """A cell with a required zone, in which a person moves the arm."""
    settings = GateSettings(armed=True, require_stop_lock=False, zones=('safety/zone',))
    cell = WatchedCell(settings, **limits)
    assert cell.control.reason == 'stopped: safety/zone: nothing heard yet'
    cell.zones = {('safety/zone', 'front'): ZoneState.CLEAR}
    assert cell.rearm() == ''
    cell.repeat(Mode.HUMAN)
    cell.tick()
    cell.repeat(Mode.HUMAN, LIFT)
    assert cell.run(0.3).mode is Mode.HUMAN
    return cell


@pytest.mark.parametrize('state', [ZoneState.STOP, 3, 255])
def test_a_zone_that_says_stop_or_something_unknown_latches(state: int) -> None:
    cell = watched()
    cell.zones['safety/zone', 'front'] = state
    assert cell.tick().latched
    assert cell.control.reason == "stopped: safety/zone of 'front' says stop"
    assert cell.rearm() == "safety/zone of 'front' says stop"
    cell.zones['safety/zone', 'front'] = ZoneState.CLEAR
    assert (
        cell.tick().reason
        == "stopped: safety/zone of 'front' says stop; rearm to go on (robo-dopamine rearm)"
    )
    assert cell.rearm() == ''


def test_a_zone_that_falls_silent_latches_although_another_device_goes_on() -> None:
    cell = watched()
    cell.zones['safety/zone', 'rear'] = ZoneState.CLEAR
    cell.tick()
    cell.zones['safety/zone', 'front'] = None
    assert cell.run(0.28).mode is Mode.HUMAN
    assert cell.run(0.06).latched
    assert cell.control.reason.startswith("stopped: safety/zone of 'front' is silent for 0.3")


def test_a_stop_between_two_ticks_stops_too() -> None:
    cell = watched()
    cell.gate.on_zone(ZoneState.STOP, 'front', cell.now)
    assert cell.tick().latched


def test_a_device_whose_name_changes_all_the_time_stops_the_arm() -> None:
    cell = watched()
    for number in range(MAX_DEVICES + 1):
        cell.gate.on_zone(ZoneState.CLEAR, f'at {number} m', cell.now)
    assert 'the name of a device may not change' in cell.tick().reason


def test_a_slow_zone_brakes_by_the_acceleration_and_says_so() -> None:
    cell = watched(slow_scale=0.2)
    before = cell.control.sent.twist
    cell.zones['safety/zone', 'front'] = ZoneState.SLOW
    control = cell.tick()
    assert before[2] - control.sent.twist[2] == pytest.approx(1.0 * TICK), 'acceleration times tick'
    assert control.reason.startswith(
        "safety/zone of 'front' says slow: 0.1 m/s limited to 0.03 m/s; acceleration limited"
    )
    assert cell.run(0.3).sent.twist[2] == pytest.approx(0.2 * 0.15)
    cell.zones['safety/zone', 'front'] = ZoneState.CLEAR
    assert cell.run(0.3).sent.twist[2] == pytest.approx(LIFT[2])


def test_a_source_with_a_second_publisher_latches_if_active_and_waits_if_not() -> None:
    cell = Cell()
    cell.gate.set_source_fault(Mode.POLICY, '2 publishers on /policy/command')
    cell.phase(Phase.RUNNING)
    cell.repeat(Mode.POLICY, LIFT)
    assert cell.run(0.2).reason == '2 publishers on /policy/command'
    assert cell.control.mode is Mode.HOLD
    cell.repeat(Mode.HUMAN, LIFT)
    assert cell.tick().mode is Mode.HUMAN, 'nobody else is affected'
    cell.repeat(Mode.HUMAN)
    cell.tick()
    assert cell.gate.release(cell.now) == ''
    cell.gate.set_source_fault(Mode.POLICY, '')
    assert cell.tick().mode is Mode.POLICY
    cell.gate.set_source_fault(Mode.POLICY, '2 publishers on /policy/command')
    assert cell.tick().reason == 'stopped: 2 publishers on /policy/command'
    assert cell.gate.rearm(cell.now) == '2 publishers on /policy/command'


STEPS = st.lists(
    st.tuples(
        st.integers(1, 20),  # ticks
        st.sampled_from((True, True, False, None)),  # enabling switch
        st.sampled_from((0, 0, 1, 2, 7, None)),  # zone
        st.sampled_from((*SOURCE_PHASES, *SOURCE_PHASES, Mode.HUMAN, None)),  # who wants to move
        st.booleans(),  # rearm
        st.booleans(),  # next episode
    ),
    max_size=40,
)


class InputLaws:
    """Checks ticks by what was published and what is sent."""

    def __init__(self, before: Control) -> None:
        self.limits, self.before = Limits(), before
        self.seen_released = True  # it was, when the cell was made
        self.enable_age, self.zone_age = 0.0, 9.0  # [s]

    def on_inputs(self, held: bool | None, zone: int | None) -> None:
        """Note what is published before a tick."""
        lost = self.enable_age >= self.limits.enable_timeout - TICK / 2
        if held is not None:
            self.seen_released = not held or (self.seen_released and not lost)
        self.enable_age = self.enable_age + TICK if held is None else 0.0
        self.zone_age = self.zone_age + TICK if zone is None else 0.0

    def check(self, control: Control, held: bool | None, zone: int | None, rearmed: bool) -> None:
        limits, before = self.limits, self.before
        moves = control.mode in NAMES
        if control.mode in SOURCE_PHASES:
            assert self.seen_released, 'the switch was not seen released since it was silent'
            assert held is not False
            assert self.enable_age <= limits.enable_timeout + 1e-6
        if moves:
            assert zone in (ZoneState.CLEAR, ZoneState.SLOW, None)
            assert self.zone_age <= limits.zone_timeout + 1e-6
        speed, last = (vector_norm(c.sent.twist[:3]) for c in (control, before))
        change = vector_norm(control.sent.twist[:3] - before.sent.twist[:3])
        assert change <= limits.acceleration * TICK + 1e-9
        if moves and zone == ZoneState.SLOW:
            slow = limits.slow_scale * limits.speed
            assert speed <= max(slow, last - limits.acceleration * TICK) + 1e-9
        if before.latched:
            assert not moves, 'rearming started motion'
            assert rearmed or control.latched, 'it resumed by itself'
        self.before = control


@given(steps=STEPS)
def test_nothing_moves_that_a_safety_input_does_not_allow(steps) -> None:
    """Laws over any sequence of inputs; nothing else is wrong with the cell."""
    settings = GateSettings('base', True, False, require_enable=True, zones=('safety/zone',))
    cell, episode = WatchedCell(settings), 0
    laws = InputLaws(cell.control)
    for ticks, held, zone, source, rearm, following in steps:
        cell.held, cell.zones = held, {('safety/zone', 'front'): zone}
        episode += following
        cell.phase(SOURCE_PHASES.get(source or Mode.POLICY, Phase.IDLE), str(episode))
        for mode in NAMES:
            cell.repeat(mode, LIFT if mode is source else None)
        for number in range(ticks):
            rearmed = rearm and number == 1 and not cell.gate.rearm(cell.now)
            laws.on_inputs(held, zone)
            laws.check(cell.tick(), held, zone, rearmed)


def test_the_target_also_returns_to_the_tool_slowly_while_a_zone_says_slow() -> None:
    cell = WatchedCell(GateSettings(armed=True, require_stop_lock=False, zones=('safety/zone',)))
    cell.blocked = True
    cell.phase(Phase.RUNNING)
    cell.repeat(Mode.POLICY, LIFT)
    cell.zones = {('safety/zone', 'front'): ZoneState.CLEAR}
    cell.tick()
    cell.rearm()
    cell.phase(Phase.RUNNING, 'two')
    cell.run(1.0)
    assert cell.control.mode is Mode.POLICY
    cell.zones['safety/zone', 'front'] = ZoneState.SLOW
    before = cell.run(0.5).target
    cell.repeat(Mode.HUMAN, -LIFT)
    for _ in range(20):
        after = cell.tick().target
        assert before is not None
        assert after is not None
        way = after.position - before.position
        assert vector_norm(way) <= 0.25 * 0.15 * TICK + 1e-9
        before = after
    assert cell.control.mode is Mode.HUMAN


def test_rearming_asks_the_stop_locks_and_zones_that_have_just_spoken() -> None:
    cell = WatchedCell(GateSettings(require_stop_lock=True))
    cell.gate.on_stop_lock(False, cell.now)
    cell.tick()
    cell.gate.on_stop_lock(True, cell.now)
    assert cell.gate.rearm(cell.now) == 'the stop lock is locked'
    cell.gate.on_stop_lock(False, cell.now)
    cell.gate.on_zone(ZoneState.STOP, 'front', cell.now)
    assert 'says stop' in cell.gate.rearm(cell.now)
