"""One case per arm: its configuration, and messages of its driver while it stands still."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from descriptions import ARMS

from robo_dopamine_ros.arms.agx import JOINT_COMMAND_TOPIC
from robo_dopamine_ros.arms.arm import Arm, Joints
from robo_dopamine_ros.arms.config import ArmConfig, make_arm
from robo_dopamine_ros.arms.grippers import GripperConfig
from robo_dopamine_ros.arms.position_controller import PositionControllerConfig
from robo_dopamine_ros.arms.servo import ServoConfig
from robo_dopamine_ros.types import Pose

TIMEOUT = 0.1  # [s]
NOW = 100.0  # steady time of arrival of all messages [s]
STAMP = 5_000_000_000  # [ns]
POSE = Pose(np.array([0.5, 0.1, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))  # tool down
FR3 = tuple(f'fr3_joint{i}' for i in range(1, 8))


@dataclass(frozen=True)
class Case:
    """One arm, and the first messages of its driver."""

    parameters: ArmConfig
    messages: Mapping[str, Any]  # by channel, in order of arrival
    required: tuple[str, ...]  # channels whose silence beyond TIMEOUT makes the arm lost
    pose: Pose = POSE  # of the tool in these messages

    def make(self) -> Arm:
        """Make the arm, without any message."""
        return make_arm(self.parameters, TIMEOUT)

    def send(self, arm: Arm, now: float = NOW, *without: str, **instead: Any) -> None:
        """Send all messages but those named."""
        for channel, value in {**self.messages, **instead}.items():
            if channel not in without:
                arm.on_message(channel, value, STAMP, now)

    def make_connected(self) -> Arm:
        """Make the arm, with every message received."""
        arm = self.make()
        self.send(arm)
        return arm


CRISP = Case(
    ArmConfig(),
    messages={
        'current_pose': POSE,
        'current_twist': np.zeros(6),
        'joint_states': Joints(FR3, np.linspace(-1, 1, 7), np.zeros(7)),
        'gripper/joint_states': Joints(('gripper',), np.array([0.4])),
    },
    required=('current_pose', 'current_twist', 'joint_states'),
)
UR5E, PIPER = ARMS['ur5e'], ARMS['piper']
CONTROLLER = Case(
    ArmConfig(
        arm='position_controller',
        base_frame=UR5E.base,
        tool_frame=UR5E.tool,
        joints=UR5E.joints,
        gripper=GripperConfig(kind='none'),
        position_controller=PositionControllerConfig(manager=''),
    ),
    messages={
        'robot_description': UR5E.text,
        'joint_states': Joints(UR5E.joints[::-1], np.array(UR5E.home[::-1]), np.zeros(6)),
    },
    required=('joint_states',),
    pose=UR5E.kinematics.pose(np.array(UR5E.home)),
)
SERVO = Case(
    replace(CONTROLLER.parameters, arm='servo', servo=ServoConfig(distribution='humble')),
    messages={**CONTROLLER.messages, 'servo_node/status': 0},
    required=('joint_states', 'servo_node/status'),
    pose=CONTROLLER.pose,
)
AGX = Case(
    ArmConfig(
        arm='agx',
        base_frame=PIPER.base,
        tool_frame=PIPER.tool,
        joints=PIPER.joints,
        gripper=GripperConfig(
            kind='joint', command=JOINT_COMMAND_TOPIC, joint='gripper', open=0.07
        ),
    ),
    messages={
        'robot_description': PIPER.text,
        'feedback/joint_states': Joints(
            (*PIPER.joints, 'gripper'), np.array([*PIPER.home, 0.035]), np.zeros(7)
        ),
        'feedback/tcp_pose': PIPER.kinematics.pose(np.array(PIPER.home)),
    },
    required=('feedback/joint_states', 'feedback/tcp_pose'),
    pose=PIPER.kinematics.pose(np.array(PIPER.home)),
)
CASES = {'crisp': CRISP, 'position_controller': CONTROLLER, 'servo': SERVO, 'agx': AGX}
