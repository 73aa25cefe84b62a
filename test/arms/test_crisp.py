"""The CRISP arm: frames, the wrench, what is published, and the recovery of a Franka."""

from dataclasses import replace
from types import SimpleNamespace as Message
from typing import Any

import numpy as np
import pytest
from cases import CRISP, FR3, NOW, STAMP

from robo_dopamine_ros.arms.arm import Call, Joints, OutgoingMessage
from robo_dopamine_ros.arms.config import make_arm
from robo_dopamine_ros.arms.crisp import CrispConfig, FrankaConfig
from robo_dopamine_ros.types import ArmState, Pose

CONTROLLERS = ('cartesian_impedance_controller', 'pose_broadcaster')
FRANKA = FrankaConfig(hardware='FrankaHardwareInterface', controllers=CONTROLLERS)
ACTIVITY = 'controller_manager/activity'
MESSAGES: dict[str, Any] = dict(CRISP.messages)


def arm(messages: dict[str, Any] | None = None, **crisp: Any) -> Any:
    """Make an arm with these CRISP settings that has received every message."""
    made = make_arm(replace(CRISP.parameters, crisp=CrispConfig(**crisp)), 0.1)
    for channel, value in {**MESSAGES, **(messages or {})}.items():
        made.on_message(channel, value, STAMP, NOW)
    return made


def state(made: Any) -> ArmState:
    given = made.state(NOW)
    assert isinstance(given, ArmState), given
    return given


def test_inputs_are_best_effort_and_have_frames() -> None:
    inputs = {channel.name: channel for channel in arm().inputs}
    assert set(inputs) == set(MESSAGES), 'without a Franka nobody asks a controller manager'
    assert not any(channel.reliable for channel in inputs.values())
    assert inputs['current_pose'].frame == 'base'
    assert inputs['current_twist'].frame == 'fr3_hand_tcp'


def test_the_twist_of_the_tool_is_turned_into_the_base_frame() -> None:
    twist = np.array([0.1, 0.2, 0.3, 1.0, 2.0, 3.0])
    turned = state(arm({'current_twist': twist})).twist  # the tool is turned about x by pi
    assert turned == pytest.approx([0.1, -0.2, -0.3, 1.0, -2.0, -3.0])


def test_the_target_is_sent_unchanged_in_the_base_frame() -> None:
    target = Pose(np.array([0.5, 0.0, 0.2]), np.array([0.0, 1.0, 0.0, 0.0]))
    command = arm().command(target, 0.25, NOW)
    assert command.messages[0] == OutgoingMessage('target_pose', target, 'base')
    assert command.messages[1].channel == 'gripper/gripper_position_controller/commands'
    assert command.messages[1].value == pytest.approx([0.25])
    assert command.target is target


@pytest.mark.parametrize(('by_tool', 'sign'), [(False, 1.0), (True, -1.0)])
def test_the_wrench_is_that_on_the_tool(by_tool: bool, sign: float) -> None:
    assert np.isnan(state(arm()).wrench).all(), 'it is not known'
    wrench = np.arange(1.0, 7.0)
    made = arm({'external_wrench': wrench}, wrench='external_wrench', wrench_by_tool=by_tool)
    assert state(made).wrench == pytest.approx(sign * wrench)
    silent = make_arm(replace(CRISP.parameters, crisp=CrispConfig(wrench='external_wrench')), 0.1)
    CRISP.send(silent)
    assert silent.state(NOW) == 'nothing heard yet on external_wrench'


def test_joints_are_those_that_were_named_in_their_order() -> None:
    named = make_arm(replace(CRISP.parameters, joints=('b', 'a')), 0.1)
    CRISP.send(named, NOW, 'joint_states')
    named.on_message('joint_states', Joints(('finger',), np.array([0.04])), STAMP, NOW)
    assert named.state(NOW) == 'nothing heard yet on joint_states', 'fingers alone are no arm'
    named.on_message('joint_states', Joints(('a', 'finger', 'b'), np.arange(3.0)), STAMP, NOW)
    assert state(named).joints == pytest.approx([2.0, 0.0])
    assert state(named).joint_velocities == pytest.approx([0.0, 0.0])
    unmeasured = Joints(('a', 'b'), np.zeros(2), np.array([0.5, np.nan]))
    named.on_message('joint_states', unmeasured, STAMP, NOW)
    assert state(named).joint_velocities == pytest.approx([0.0, 0.5])
    assert state(arm()).joint_names == FR3


@pytest.mark.parametrize('length', [0.0, 0.9, 1.1])
def test_a_quaternion_that_is_none_is_refused(length: float) -> None:
    with pytest.raises(ValueError, match='is not a pose'):
        arm().on_message('current_pose', Pose(np.zeros(3), np.array([0, 0, 0, length])), STAMP, NOW)


def test_the_gripper_may_be_silent_for_longer_than_the_arm() -> None:
    made = arm()
    CRISP.send(made, NOW + 1.5, 'gripper/joint_states')
    assert isinstance(made.state(NOW + 1.5), ArmState)
    CRISP.send(made, NOW + 2.5, 'gripper/joint_states')
    assert made.state(NOW + 2.5) == 'silence on gripper/joint_states for 2.50 s'


def activity(hardware: str = 'active', **controllers: str) -> Message:
    """Activity that a controller manager publishes for a Franka."""

    def named(name: str, label: str) -> Message:
        return Message(name=name, state=Message(label=label))

    states = {**dict.fromkeys(CONTROLLERS, 'active'), **controllers}
    return Message(
        hardware_components=[named('FrankaHardwareInterface', hardware)],
        controllers=[named(*item) for item in states.items()],
    )


def test_a_franka_in_error_is_named_by_its_controller_manager() -> None:
    assert not state(arm({ACTIVITY: activity()}, franka=FRANKA)).fault
    assert not state(arm(franka=FRANKA)).fault, 'Humble has no activity'
    made = arm({ACTIVITY: activity(pose_broadcaster='inactive')}, franka=FRANKA)
    assert state(made).fault == 'pose_broadcaster is inactive'
    assert made.state(NOW + 1.0).startswith('pose_broadcaster is inactive; silence on current_pose')
    made = arm({ACTIVITY: activity('unconfigured')}, franka=FRANKA)
    assert state(made).fault == 'FrankaHardwareInterface is unconfigured'
    nothing = Message(hardware_components=[], controllers=[])
    fault = state(arm({ACTIVITY: nothing}, franka=FRANKA)).fault
    assert fault.count('is not loaded') == 3


class Manager:
    """Answers the calls of a sequence; `broken` names the one that fails."""

    def __init__(self, active: tuple[str, ...] = (), broken: str = '') -> None:
        self.states = {name: 'active' if name in active else 'inactive' for name in CONTROLLERS}
        self.broken, self.called = broken, list[Call]()

    def answer(self, call: Call) -> Any:
        self.called.append(call)
        name = call.name.split('/')[-1]
        if name == 'list_controllers':
            controllers = [Message(name=n, state=s) for n, s in self.states.items()]
            return Message(controller=controllers)
        if name == 'error_recovery':
            return 'failed' if name == self.broken else Message()
        return Message(ok=name != self.broken, state=Message(label='unconfigured'))

    def run(self, sequence: Any) -> str:
        try:
            step = next(sequence)
            while True:
                step = sequence.send(self.answer(step))
        except StopIteration as end:
            return end.value


def test_a_franka_is_recovered_in_three_steps() -> None:
    manager = Manager(active=('pose_broadcaster',))
    assert manager.run(arm(franka=FRANKA).recover()) == ''
    assert [call.name for call in manager.called] == [
        'action_server/error_recovery',
        'controller_manager/set_hardware_component_state',
        'controller_manager/list_controllers',
        'controller_manager/switch_controller',
    ]
    assert manager.called[1].request['target_state'] == {'id': 3, 'label': 'active'}
    switch = manager.called[3].request
    assert switch['activate_controllers'] == ['cartesian_impedance_controller']
    assert switch['strictness'] == 2, 'STRICT: best effort would hide a failure'


@pytest.mark.parametrize(
    ('broken', 'steps', 'reason'),
    [
        ('error_recovery', 1, 'failed'),
        (
            'set_hardware_component_state',
            2,
            'FrankaHardwareInterface is unconfigured, it could not be activated',
        ),
        ('switch_controller', 4, f'{", ".join(CONTROLLERS)} could not be activated'),
    ],
)
def test_a_recovery_ends_where_it_fails(broken: str, steps: int, reason: str) -> None:
    manager = Manager(broken=broken)
    assert manager.run(arm(franka=FRANKA).recover()) == reason
    assert len(manager.called) == steps


def test_starting_activates_only_what_is_not_active() -> None:
    manager = Manager(active=CONTROLLERS)
    assert manager.run(arm(franka=FRANKA).start()) == ''
    assert [call.name for call in manager.called] == ['controller_manager/list_controllers']
    del manager.states['pose_broadcaster']
    assert manager.run(arm(franka=FRANKA).start()) == (
        'no such controller: pose_broadcaster; there are cartesian_impedance_controller'
    )


def test_without_a_franka_there_is_nothing_to_recover() -> None:
    manager = Manager()
    assert manager.run(arm().recover()) == manager.run(arm().start()) == ''
    assert not manager.called


def test_a_franka_without_controllers_is_refused() -> None:
    with pytest.raises(ValueError, match='controllers is empty'):
        FrankaConfig(hardware='FrankaHardwareInterface')
