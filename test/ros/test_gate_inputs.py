"""What the gate does about its inputs, on real topics: second publishers, switch, zone, lock."""

from collections.abc import Iterator

import pytest
import rclpy
from processes import HERE, Child
from rclpy.node import Node
from robo_dopamine.msg import SafetyZone
from std_msgs.msg import Bool
from test_gate_node import DRIVER, GATE, TIMEOUTS, UP, Cell

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.types import Mode, Phase

POLICY = [str(HERE / 'policy_process.py')]
SIMULATED = {
    **{f'limits.{name}': wait for name, wait in TIMEOUTS.items()},
    'limits.enable_timeout': 1.0,
    'limits.zone_timeout': 1.0,
    'simulated': 'true',
    'armed': 'true',
    'stop_lock': 'false',
    'driver.crisp.wrench': 'external_wrench',
}
EXCLUSIVE = (
    topics.TELEOP_COMMAND,
    topics.RESET_COMMAND,
    topics.POLICY_COMMAND,
    topics.EPISODE,
    topics.STOP_LOCK,
    topics.ENABLE,
    topics.SAFETY_ZONE,
)


class Inputs(Cell):
    """Also publishes the enabling switch and a zone; None: they are silent."""

    def __init__(self) -> None:
        self.held: bool | None = False
        self.zone: int | None = SafetyZone.CLEAR
        super().__init__()
        self._inputs = {
            topic.name: self.node.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.ENABLE, topics.SAFETY_ZONE, topics.RESET_COMMAND)
        }
        self.node.create_timer(0.05, self._publish_inputs)

    def _publish_inputs(self) -> None:
        if self.held is not None:
            self._inputs[topics.ENABLE.name].publish(Bool(data=self.held))
        if self.zone is not None:
            message = SafetyZone(state=self.zone, source='scanner')
            self._inputs[topics.SAFETY_ZONE.name].publish(message)


@pytest.fixture
def children(domain: int) -> Iterator[list[Child]]:
    children = [Child(DRIVER)]
    yield children
    for child in children:
        child.kill()


@pytest.fixture
def cell(children: list[Child]) -> Iterator[Inputs]:
    """A cell whose gate requires the enabling switch and a zone."""
    parameters = SIMULATED | {'enable': 'topic', 'zone': 'true'}
    with Inputs() as cell:
        children.append(Child(GATE, *(f'{key}:={value}' for key, value in parameters.items())))
        cell.until(lambda: bool(cell.controls), 'the gate is silent')
        cell.until(lambda: cell.rearm().success, 'the gate cannot be rearmed')  # no zone at first
        cell.wait_for_mode(Mode.HOLD)
        yield cell


@pytest.fixture
def rival(cell: Inputs) -> Iterator[Node]:
    """A node of another process, as far as the gate can see."""
    node = rclpy.create_node('rival', context=cell.node.context)
    yield node
    node.destroy_node()


def test_an_idle_second_publisher_on_any_input_latches_until_it_is_gone(
    cell: Inputs, rival: Node
) -> None:
    for topic in EXCLUSIVE:
        second = rival.create_publisher(topic.type, topic.name, topic.qos)
        words = f'2 publishers on /{topic.name}, there must be one: /rival, /watcher'
        assert cell.wait_for_mode(Mode.STOPPED, f'stopped: {words}').latched
        assert cell.rearm().message == words
        rival.destroy_publisher(second)
        cell.wait_for_mode(Mode.STOPPED, 'rearm to go on')
        assert cell.rearm().success
        cell.wait_for_mode(Mode.HOLD)


def test_a_second_publisher_of_the_same_name_stops_the_active_policy(
    cell: Inputs, children: list[Child]
) -> None:
    cell.until(lambda: cell.control.mode is Mode.HOLD, 'it does not hold')
    cell.held, cell.phase = True, Phase.RUNNING
    cell.command_policy(UP)
    cell.wait_for_mode(Mode.POLICY)
    twin = rclpy.create_node('watcher', context=cell.node.context)
    second = twin.create_publisher(topics.POLICY_COMMAND.type, topics.POLICY_COMMAND.name, 1)
    words = 'stopped: 2 publishers on /policy/command, there must be one: /watcher, /watcher'
    assert cell.wait_for_mode(Mode.STOPPED, words).latched
    assert 'there must be one' in cell.rearm().message
    twin.destroy_publisher(second)
    twin.destroy_node()
    cell.until(lambda: cell.rearm().success, 'it cannot be rearmed')


def test_a_killed_policy_that_is_started_again_stops_nobody_else(children: list[Child]) -> None:
    parameters = SIMULATED | {'enable': 'none'}
    with Cell() as cell:
        children.append(Child(GATE, *(f'{key}:={value}' for key, value in parameters.items())))
        cell.node.destroy_publisher(cell._publishers.pop(topics.POLICY_COMMAND.name))
        children.append(Child(POLICY))
        cell.phase = Phase.RUNNING
        cell.wait_for_mode(Mode.POLICY)
        cell.command_human(UP)
        cell.wait_for_mode(Mode.HUMAN)
        children[-1].kill()
        children.append(Child(POLICY))
        listed = f'2 publishers on /{topics.POLICY_COMMAND.name}'
        name = cell.node.resolve_topic_name(topics.POLICY_COMMAND.name)
        cell.until(lambda: cell.node.count_publishers(name) == 2, 'DDS forgot the killed node')
        count = len(cell.controls)
        cell.until(lambda: len(cell.controls) > count + 50, 'the gate fell silent')
        assert {control.mode for control in cell.controls[count:]} == {Mode.HUMAN}
        cell.command_human(None)
        cell.wait_for_mode(Mode.HOLD, listed)
        cell.until(lambda: cell.node.count_publishers(name) == 1, 'DDS never forgets the node')
        cell.intervene(topics.INTERVENE.type.Request.RELEASE)
        cell.wait_for_mode(Mode.POLICY)
        assert not any(control.latched for control in cell.controls)


def test_the_policy_moves_while_the_switch_is_held_and_latches_when_it_falls_silent(
    cell: Inputs,
) -> None:
    cell.phase = Phase.RUNNING
    cell.command_policy(UP)
    cell.wait_for_mode(Mode.HOLD, 'policy/command waits: the enabling switch is released')
    for _ in range(2):
        cell.held = True
        cell.wait_for_mode(Mode.POLICY)
        cell.held = False
        assert not cell.wait_for_mode(Mode.HOLD, 'the enabling switch is released').latched
    cell.held = True
    cell.wait_for_mode(Mode.POLICY)
    cell.held = None
    assert cell.wait_for_mode(Mode.STOPPED, 'the enabling switch is silent for').latched


def test_a_zone_slows_stops_and_may_not_fall_silent(cell: Inputs) -> None:
    cell.command_human(8 * UP)
    cell.wait_for_mode(Mode.HUMAN)
    cell.zone = SafetyZone.SLOW
    cell.wait_for_mode(Mode.HUMAN, "safety/zone of 'scanner' says slow: 0.24 m/s limited to 0.0375")
    cell.zone = SafetyZone.STOP
    assert cell.wait_for_mode(Mode.STOPPED, "safety/zone of 'scanner' says stop").latched
    assert cell.rearm().message == "safety/zone of 'scanner' says stop"
    cell.zone = SafetyZone.CLEAR
    cell.wait_for_mode(Mode.STOPPED, 'rearm to go on')
    assert cell.rearm().success
    cell.wait_for_mode(Mode.HOLD)
    cell.zone = None
    assert cell.wait_for_mode(Mode.STOPPED, "safety/zone of 'scanner' is silent for").latched


def test_on_hardware_every_protection_that_is_off_must_be_named(domain: int) -> None:
    given = ('stop_lock:=false', 'armed:=true', 'enable:=none', 'disabled_protections:=[zone]')
    code, errors = Child(GATE, *given).wait()
    assert code == 2
    assert errors.startswith('parameters: protections are off without being named (armed: ')
    wanted = '[zone, armed, stop_lock, enable, limits.force, limits.torque]'
    assert f'`disabled_protections: {wanted}`' in errors


def test_what_is_off_stands_in_diagnostics(children: list[Child]) -> None:
    with Cell() as cell:
        off = '[zone, limits.force, limits.torque, armed]'
        children.append(Child(GATE, f'disabled_protections:={off}'))
        said = 'off: zone, limits.force, limits.torque; named as disabled, but on: armed'
        cell.until(lambda: cell.said('gate: protections') == said, 'the diagnostics do not say it')
