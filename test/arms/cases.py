"""Every arm with what its driver says while it stands still; the conformance test takes all."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from descriptions import ARMS

from robo_dopamine_ros.arms import choose
from robo_dopamine_ros.arms.agx import ALL
from robo_dopamine_ros.arms.arm import Arm, Joints
from robo_dopamine_ros.arms.grippers import GripperParameters
from robo_dopamine_ros.arms.joint_stream import JointStreamParameters
from robo_dopamine_ros.arms.parameters import ArmParameters
from robo_dopamine_ros.arms.servo import ServoParameters
from robo_dopamine_ros.types import Pose

PATIENCE = 0.1  # [s]
NOW = 100.0  # steady time at which all was said [s]
STAMP = 5_000_000_000  # [ns]
POSE = Pose(np.array([0.5, 0.1, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))  # tool down
FR3 = tuple(f'fr3_joint{i}' for i in range(1, 8))


@dataclass(frozen=True)
class Case:
    """One arm, and the first words of its driver."""

    parameters: ArmParameters
    says: Mapping[str, Any]  # by channel, in the order in which it is said
    vital: tuple[str, ...]  # channels whose silence beyond PATIENCE loses the arm
    pose: Pose = POSE  # of the tool, as said
    steady: dict[str, Any] = field(default_factory=dict)  # other channels, said once

    def make(self) -> Arm:
        """Make the arm, which has heard nothing."""
        return choose.make(self.parameters, PATIENCE)

    def say(self, arm: Arm, now: float = NOW, *unsaid: str, **instead: Any) -> None:
        """Say all but what is unsaid."""
        for channel, value in {**self.says, **instead}.items():
            if channel not in unsaid:
                arm.hear(channel, value, STAMP, now)

    def alive(self) -> Arm:
        """Make the arm, which has heard everything."""
        arm = self.make()
        self.say(arm)
        return arm


CRISP = Case(
    ArmParameters(),
    says={
        'current_pose': POSE,
        'current_twist': np.zeros(6),
        'joint_states': Joints(FR3, np.linspace(-1, 1, 7), np.zeros(7)),
        'gripper/joint_states': Joints(('gripper',), np.array([0.4])),
    },
    vital=('current_pose', 'current_twist', 'joint_states'),
)
UR5E, PIPER = ARMS['ur5e'], ARMS['piper']
STREAM = Case(
    ArmParameters(
        arm='joint_stream',
        base_frame=UR5E.base,
        tool_frame=UR5E.tool,
        joints=UR5E.joints,
        gripper=GripperParameters(kind='none'),
        joint_stream=JointStreamParameters(manager=''),
    ),
    says={
        'robot_description': UR5E.text,
        'joint_states': Joints(UR5E.joints[::-1], np.array(UR5E.home[::-1]), np.zeros(6)),
    },
    vital=('joint_states',),
    pose=UR5E.kinematics.pose(np.array(UR5E.home)),
)
SERVO = Case(
    replace(STREAM.parameters, arm='servo', servo=ServoParameters(distribution='humble')),
    says={**STREAM.says, 'servo_node/status': 0},
    vital=('joint_states', 'servo_node/status'),
    pose=STREAM.pose,
)
AGX = Case(
    ArmParameters(
        arm='agx',
        base_frame=PIPER.base,
        tool_frame=PIPER.tool,
        joints=PIPER.joints,
        gripper=GripperParameters(kind='joint', command=ALL, joint='gripper', open=0.07),
    ),
    says={
        'robot_description': PIPER.text,
        'feedback/joint_states': Joints(
            (*PIPER.joints, 'gripper'), np.array([*PIPER.home, 0.035]), np.zeros(7)
        ),
        'feedback/tcp_pose': PIPER.kinematics.pose(np.array(PIPER.home)),
    },
    vital=('feedback/joint_states', 'feedback/tcp_pose'),
    pose=PIPER.kinematics.pose(np.array(PIPER.home)),
)
CASES = {'crisp': CRISP, 'joint_stream': STREAM, 'servo': SERVO, 'agx': AGX}
