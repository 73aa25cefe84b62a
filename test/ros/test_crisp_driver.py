"""The CRISP arm against a process with the topics and faults of its controllers."""

import importlib.util
import time
from collections.abc import Iterator
from typing import Any

import pytest
from geometry_msgs.msg import PoseStamped
from rig import Rig

from robo_dopamine_ros.arms.config import ArmConfig
from robo_dopamine_ros.arms.crisp import CrispConfig, FrankaConfig
from robo_dopamine_ros.types import Pose

CONTROLLERS = (
    'cartesian_impedance_controller',
    'pose_broadcaster',
    'twist_broadcaster',
    'joint_state_broadcaster',
)
NEEDED = ('franka_msgs', 'controller_manager_msgs')
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]


class CrispRig(Rig):
    """Commands its arm."""

    def __init__(self, bench: Any, crisp: CrispConfig, *arguments: str) -> None:
        super().__init__(bench, ArmConfig(crisp=crisp), 'crisp_driver.py', *arguments)

    def go(self, goal: Pose) -> None:
        self.until(lambda: abs(self.position - goal.position).max() < 1e-3, lambda: self.aim(goal))

    def aim(self, goal: Pose) -> None:
        self.bridge.command(goal, 0.25, time.monotonic())


@pytest.fixture
def rig(bench: Any) -> Iterator[CrispRig]:
    rig = CrispRig(bench, CrispConfig(wrench='external_wrench'))
    yield rig
    rig.close()


def test_it_follows_targets_unless_there_is_a_second_publisher(rig: CrispRig) -> None:
    assert rig.state() == (
        'nothing heard yet on current_pose, current_twist, joint_states, external_wrench'
    )
    rig.until(lambda: rig.alive)
    rig.go(rig.raised(0.05))
    rig.until(lambda: rig.measured.gripper == pytest.approx(0.25))

    other = rig.node.create_publisher(PoseStamped, 'target_pose', 1)
    rig.until(rig.bridge.other_publishers)
    still, since = rig.position, time.monotonic()

    def stays() -> bool:
        nonlocal still, since
        rig.aim(rig.raised(0.05))
        if abs(rig.position - still).max() > 1e-3:  # targets from before the other was discovered
            still, since = rig.position, time.monotonic()
        return time.monotonic() - since > 0.5

    rig.until(stays)
    rig.node.destroy_publisher(other)
    rig.go(rig.raised(0.05))


@pytest.mark.parametrize(
    ('fault', 'reason'),
    [
        ('drop', 'silence on current_pose for'),
        ('nan', 'is not a pose'),
        ('frame', "current_pose is refused: its frame is 'world', not 'base'"),
    ],
)
def test_bad_manners_are_named_and_forgiven(rig: CrispRig, fault: str, reason: str) -> None:
    rig.until(lambda: rig.alive)
    rig.fake.say(fault)
    rig.until(lambda: reason in str(rig.state()))
    rig.fake.say('')
    rig.until(lambda: rig.alive)
    rig.fake.say('push')
    rig.until(lambda: rig.alive and rig.measured.wrench[2] == 60.0)


@pytest.mark.skipif(bool(MISSING), reason=f'not installed: {", ".join(MISSING)}')
def test_a_franka_is_brought_back_from_an_error(bench: Any) -> None:
    franka = FrankaConfig(hardware='FrankaHardwareInterface', controllers=CONTROLLERS)
    rig = CrispRig(bench, CrispConfig(franka=franka), 'franka')
    try:
        rig.until(lambda: rig.alive)
        assert rig.run(rig.arm.start()) == ('', ['list controllers: done'])
        rig.fake.say('error')
        words = 'FrankaHardwareInterface is unconfigured'
        rig.until(lambda: words in str(rig.state()) and 'silence' in str(rig.state()))
        reason, steps = rig.run(rig.arm.recover())
        assert not reason
        assert steps == [
            'clear the error: done',
            'activate FrankaHardwareInterface: done',
            'list controllers: done',
            f'activate {", ".join(CONTROLLERS)}: done',
        ]
        rig.until(lambda: rig.alive and not rig.measured.fault)
        assert rig.run(rig.arm.recover())[0] == '', 'nothing is left to do'
    finally:
        rig.close()
