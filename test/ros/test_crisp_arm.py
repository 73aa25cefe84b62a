"""The CRISP arm against a process with the topics and manners of its controllers."""

import importlib.util
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from processes import Child

from robo_dopamine_ros.arms.choose import make
from robo_dopamine_ros.arms.crisp import CrispParameters
from robo_dopamine_ros.arms.franka import FrankaParameters
from robo_dopamine_ros.arms.parameters import ArmParameters
from robo_dopamine_ros.ros.driver import Driver
from robo_dopamine_ros.types import ArmState, Pose

FAKE = str(Path(__file__).parents[1] / 'drivers' / 'crisp_driver.py')
PATIENCE = 20.0  # [s]
SILENCE = 0.5  # after which the fake counts as lost, on a machine that has much else to do [s]
CONTROLLERS = (
    'cartesian_impedance_controller',
    'pose_broadcaster',
    'twist_broadcaster',
    'joint_state_broadcaster',
)
NEEDED = ('franka_msgs', 'controller_manager_msgs')
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]


class Rig:
    """A fake driver, and the arm bound to a node of the test."""

    def __init__(self, bench: Any, parameters: ArmParameters, *arguments: str) -> None:
        self.fake = Child([FAKE, *arguments])
        self.node, self.executor = bench.node, bench.executor
        self.arm = make(parameters, SILENCE)
        self.driver = Driver(bench.node, self.arm)

    def until(self, condition: Callable[[], object], each: Callable[[], object] = int) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f'not in time; {self.state()}'
            each()
            self.executor.spin_once(timeout_sec=0.02)

    def state(self) -> ArmState | str:
        return self.driver.state(time.monotonic())

    @property
    def alive(self) -> bool:
        return isinstance(self.state(), ArmState)

    @property
    def place(self) -> np.ndarray:
        state = self.state()
        return state.pose.position if isinstance(state, ArmState) else np.full(3, np.nan)

    def aim(self, goal: Pose) -> None:
        self.driver.tell(goal, 0.25, time.monotonic())

    def perform(self, script: Any) -> tuple[str, list[str]]:
        task = self.executor.create_task(self.driver.perform(script))
        self.until(task.done)
        return task.result()


@pytest.fixture
def rig(bench: Any) -> Iterator[Rig]:
    rig = Rig(bench, ArmParameters(crisp=CrispParameters(wrench='external_wrench')))
    yield rig
    rig.fake.kill()


def raised(rig: Rig, way: float) -> Pose:
    state = rig.state()
    assert isinstance(state, ArmState)
    return Pose(state.pose.position + [0, 0, way], state.pose.orientation)


def test_it_goes_where_it_is_told_unless_somebody_else_speaks(rig: Rig) -> None:
    assert rig.state() == (
        'nothing heard yet on current_pose, current_twist, joint_states, external_wrench'
    )
    rig.until(lambda: rig.alive)
    goal = raised(rig, 0.05)
    rig.until(lambda: abs(rig.place - goal.position).max() < 1e-3, lambda: rig.aim(goal))
    rig.until(lambda: getattr(rig.state(), 'gripper', None) == pytest.approx(0.25))

    other = rig.node.create_publisher(PoseStamped, 'target_pose', 1)
    rig.until(rig.driver.rivals)
    still, since = rig.place, time.monotonic()

    def stays() -> bool:
        nonlocal still, since
        rig.aim(raised(rig, 0.05))
        if abs(rig.place - still).max() > 1e-3:  # what was said before the other was found
            still, since = rig.place, time.monotonic()
        return time.monotonic() - since > 0.5

    rig.until(stays)
    rig.node.destroy_publisher(other)
    goal = raised(rig, 0.05)
    rig.until(lambda: abs(rig.place - goal.position).max() < 1e-3, lambda: rig.aim(goal))


@pytest.mark.parametrize(
    ('fault', 'reason'),
    [
        ('drop', 'silence on current_pose for'),
        ('nan', 'is not a pose'),
        ('frame', "current_pose is refused: its frame is 'world', not 'base'"),
    ],
)
def test_bad_manners_are_named_and_forgiven(rig: Rig, fault: str, reason: str) -> None:
    rig.until(lambda: rig.alive)
    rig.fake.say(fault)
    rig.until(lambda: reason in str(rig.state()))
    rig.fake.say('')
    rig.until(lambda: rig.alive)
    rig.fake.say('push')
    rig.until(lambda: rig.alive and rig.state().wrench[2] == 60.0)  # type: ignore[union-attr]


@pytest.mark.skipif(bool(MISSING), reason=f'not installed: {", ".join(MISSING)}')
def test_a_franka_is_brought_back_from_an_error(bench: Any) -> None:
    franka = FrankaParameters(hardware='FrankaHardwareInterface', controllers=CONTROLLERS)
    rig = Rig(bench, ArmParameters(crisp=CrispParameters(franka=franka)), 'franka')
    try:
        rig.until(lambda: rig.alive)
        assert rig.perform(rig.arm.start()) == ('', ['list controllers: done'])
        rig.fake.say('error')
        words = 'FrankaHardwareInterface is unconfigured'
        rig.until(lambda: words in str(rig.state()) and 'silence' in str(rig.state()))
        reason, steps = rig.perform(rig.arm.recover())
        assert not reason
        assert steps == [
            'clear the error: done',
            'activate FrankaHardwareInterface: done',
            'list controllers: done',
            f'activate {", ".join(CONTROLLERS)}: done',
        ]
        rig.until(lambda: rig.alive and not rig.state().fault)  # type: ignore[union-attr]
        assert rig.perform(rig.arm.recover())[0] == '', 'nothing is left to do'
    finally:
        rig.fake.kill()
