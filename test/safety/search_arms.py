"""Arms of the gate search: how each is made, and simulated drivers that lag, sag, wrap and fail.

The forward kinematics of the checks is computed here from the URDF, not by the product.
"""

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace as Message
from typing import Any

import numpy as np
import pinocchio as pin

from robo_dopamine_ros.arms.arm import Arm, Joints
from robo_dopamine_ros.arms.config import ArmConfig, make_arm
from robo_dopamine_ros.arms.crisp import CrispConfig, FrankaConfig
from robo_dopamine_ros.arms.differential_ik import IkConfig
from robo_dopamine_ros.arms.grippers import GripperConfig
from robo_dopamine_ros.arms.joint_state import KinematicsConfig
from robo_dopamine_ros.arms.position_controller import PositionControllerConfig
from robo_dopamine_ros.arms.whole_arm import NO_TABLE, WholeArmConfig
from robo_dopamine_ros.nodes.gate_parameters import GateParameters
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import Pose

sys.path.append(str(Path(__file__).parents[1] / 'arms'))
from descriptions import ARMS, Described  # noqa: E402 (a folder of other tests)

NAMES = ('ur5e', 'fr3', 'piper', 'crisp')
CRISP_JOINTS = ARMS['fr3'].joints
GRIPPER_STATE, GRIPPER_COMMAND = 'gripper/joint_states', 'gripper/command'
AGX_COMMAND, AGX_STATES = 'control/joint_states', 'feedback/joint_states'
CONTROLLER = 'forward_position_controller'
OPEN = 0.07  # position of an open gripper; 0 is closed [m]


class ToolKinematics:
    """Forward kinematics of the checks."""

    def __init__(self, arm: Described) -> None:
        whole = pin.buildModelFromXML(arm.text)
        others = [i for i, n in enumerate(whole.names) if i and n not in arm.joints]
        self._model = pin.buildReducedModel(whole, others, pin.neutral(whole))
        self._data = self._model.createData()
        self._order = [self._model.getJointId(n) - 1 for n in arm.joints]
        self._tool = self._model.getFrameId(arm.tool)
        self._base = self._model.getFrameId(arm.base)
        full = self._model.velocityLimit, self._model.lowerPositionLimit
        self.velocity, self.lower = (limit[self._order] for limit in full)
        self.upper = self._model.upperPositionLimit[self._order]
        assert self._model.nq == self._model.nv == len(arm.joints)

    def pose(self, joints: np.ndarray) -> pin.SE3:
        """Pose of the tool, base frame."""
        q = np.empty(len(joints))
        q[self._order] = joints
        pin.framesForwardKinematics(self._model, self._data, q)
        frames = self._data.oMf
        return frames[self._base].actInv(frames[self._tool])

    def placements(self, joints: np.ndarray) -> list[pin.SE3]:
        """Frames of the joints in their order, base frame."""
        self.pose(joints)
        base = self._data.oMf[self._base]
        return [base.actInv(self._data.oMi[i + 1]) for i in self._order]

    def tip(self) -> np.ndarray:
        """Tool in the frame of the last joint [m]."""
        zero = np.zeros(len(self._order))
        return np.array(self.placements(zero)[-1].actInv(self.pose(zero)).translation)


KINEMATICS = {name: ToolKinematics(arm) for name, arm in ARMS.items()}


def to_se3(pose: Pose) -> pin.SE3:
    """Return a pose as pinocchio's."""
    x, y, z, w = pose.orientation / np.linalg.norm(pose.orientation)
    return pin.SE3(pin.Quaternion(w, x, y, z).toRotationMatrix(), np.array(pose.position))


def from_se3(placement: pin.SE3) -> Pose:
    """Return a pose of the product."""
    quaternion = pin.Quaternion(placement.rotation).coeffs().copy()
    return Pose(placement.translation.copy(), quaternion)


@dataclass(frozen=True)
class Setup:
    """What a search draws once per stretch: the arm, its gripper and its motion."""

    name: str
    start: np.ndarray  # joints at the beginning [rad]
    gripper: str = 'none'  # kind
    binary: bool = False
    reports_gripper: bool = True
    ik: IkConfig = IkConfig()
    wrench: bool = False  # whether force and torque are reported
    links: bool = False  # whether the whole arm is checked
    table: float | None = None  # height of the table [m]

    @property
    def described(self) -> Described:
        return ARMS['fr3' if self.name == 'crisp' else self.name]

    def make(self, limits: Limits) -> Arm:
        """Make the arm as the gate's node does."""
        arm, grip = self.described, self._gripper()
        kinematics = KinematicsConfig(ik=self.ik)
        wrench = 'wrench' if self.wrench else ''
        config = ArmConfig(
            base_frame=arm.base, tool_frame=arm.tool, joints=arm.joints, gripper=grip
        )
        if self.links:
            whole = WholeArmConfig(table=NO_TABLE if self.table is None else self.table)
            config = replace(config, model=arm.name, whole_arm=whole)
        if self.name == 'crisp':
            franka = FrankaConfig(hardware='fr3', controllers=('cartesian',))
            config = replace(config, crisp=CrispConfig(wrench=wrench, franka=franka))
        elif self.name == 'piper':
            config = replace(config, arm='agx', agx=replace(config.agx, kinematics=kinematics))
        else:
            controller = PositionControllerConfig(wrench=wrench, kinematics=kinematics)
            config = replace(config, arm='position_controller', position_controller=controller)
        parameters = GateParameters(simulated=True, driver=config, limits=limits)
        return make_arm(config, limits.arm_timeout, parameters.tool_limits)

    def _gripper(self) -> GripperConfig:
        if self.gripper == 'none':
            return GripperConfig(kind='none')
        command = AGX_COMMAND if self.name == 'piper' else GRIPPER_COMMAND
        return GripperConfig(
            kind=self.gripper,
            command=command,
            state=GRIPPER_STATE if self.reports_gripper else '',
            joint='gripper',
            open=OPEN,
            binary=self.binary,
        )


class Plant:
    """A driver and its arm: moves towards what was commanded last, and reports where it is."""

    def __init__(self, setup: Setup, rng: np.random.Generator) -> None:
        self.setup, self._rng = setup, rng
        self.kinematics = KINEMATICS[setup.described.name]
        self.joints, self._goal = setup.start.copy(), setup.start.copy()
        self.pose = self.goal_pose = self.kinematics.pose(setup.start)
        self.opening = self._opening_goal = float(rng.uniform())
        self.lag = float(rng.choice([0.01, 0.05, 0.15, 0.3]))  # time constant [s]
        self.fastest = float(rng.choice([0.3, 1.0, 3.0]))  # of a joint, or the tool [rad/s, m/s]
        sags = rng.choice([0.0, 0.01, 0.05])
        self.sag = sags * rng.uniform(-1, 1, len(setup.start))
        self.wraps = bool(rng.random() < 0.5)  # whether angles are reported in +-pi
        self.gives_velocities = bool(rng.random() < 0.5)
        self.blocked, self.fault, self.force = False, False, 0.0
        self.push = np.zeros(6)  # of the tool by hand or by contact [m/s, rad/s]
        self.joint_push = np.zeros(len(setup.start))  # of the joints, likewise [rad/s]

    def receive(self, messages: Any) -> None:
        """Take what the gate sends."""
        for message in messages:
            value = message.value
            if message.channel == f'{CONTROLLER}/commands':
                self._goal = np.array(value)
            elif message.channel == AGX_COMMAND:
                self._goal = np.array(value.positions[: len(self.joints)])
                if 'gripper' in value.names:
                    self._opening_goal = value.positions[-1] / OPEN
            elif message.channel == 'target_pose':
                self.goal_pose = to_se3(value)
            else:
                self._opening_goal = gripper_position(value) / OPEN

    def step(self, seconds: float) -> None:
        """Move for some time."""
        share = 0.0 if self.blocked or self.fault else 1 - math.exp(-seconds / self.lag)
        most = self.fastest * seconds
        change = 2.0 * seconds
        self.opening += float(np.clip(self._opening_goal - self.opening, -change, change))
        if self.setup.name == 'crisp':
            sagged = self.goal_pose.translation + 0.2 * self.sag[:3]
            way = np.clip(share * (sagged - self.pose.translation), -most, most)
            turn = self.goal_pose.rotation @ self.pose.rotation.T
            spin = np.clip(share * pin.log3(turn), -3 * most, 3 * most)
            rotation = pin.exp3(spin + self.push[3:] * seconds) @ self.pose.rotation
            self.pose = pin.SE3(rotation, self.pose.translation + way + self.push[:3] * seconds)
            return
        move = np.clip(share * (self._goal + self.sag - self.joints), -most, most)
        self.joints = self.joints + move + self.joint_push * seconds
        stops = self.kinematics.lower - 0.05, self.kinematics.upper + 0.05
        self.joints = np.clip(self.joints, *stops)
        self.pose = self.kinematics.pose(self.joints)

    def take_fingers(self, opening: float) -> None:
        """Move the gripper by somebody else, as with the vendor's tool."""
        self.opening = self._opening_goal = opening

    def report(self) -> list[tuple[str, Any]]:
        """Return what the driver publishes now: channel and value."""
        finger = Joints(('gripper',), np.array([OPEN * self.opening]))
        state = [(GRIPPER_STATE, finger)] if self.setup.gripper != 'none' else []
        if self.setup.name == 'crisp':
            return [
                ('current_pose', self._signed(from_se3(self.pose))),
                ('current_twist', np.zeros(6)),
                ('joint_states', Joints(CRISP_JOINTS, self.joints, np.zeros(7))),
                *self._wrench(),
                ('controller_manager/activity', self._activity('cartesian')),
                *state,
            ]
        order = self._rng.permutation(len(self.joints))
        names = tuple(self.setup.described.joints[i] for i in order)
        angles = self.joints[order]
        if self.wraps:
            angles = (angles + math.pi) % (2 * math.pi) - math.pi
        if self.setup.name == 'piper':
            if self.setup.gripper != 'none':
                names, angles = (*names, 'gripper'), np.append(angles, OPEN * self.opening)
            status = Message(
                ctrl_mode=1,
                arm_status=1 if self.fault else 0,
                joint_angle_limit=(),
                communication_status_joint=(),
            )
            return [
                ('feedback/arm_status', status),
                (AGX_STATES, self._joint_state(names, angles)),
                ('feedback/tcp_pose', self._signed(from_se3(self.pose))),
            ]
        return [
            ('controller_manager/activity', self._activity(CONTROLLER)),
            ('joint_states', self._joint_state(names, angles)),
            *self._wrench(),
            *state,
        ]

    def _signed(self, pose: Pose) -> Pose:
        """Return the pose, by one of the two quaternions that mean the same."""
        return Pose(pose.position, pose.orientation * self._rng.choice([-1, 1]))

    def _joint_state(self, names: tuple[str, ...], angles: np.ndarray) -> Joints:
        velocities = np.zeros(len(names) if self.gives_velocities else 0)
        return Joints(names, angles, velocities)

    def _wrench(self) -> list[tuple[str, Any]]:
        wrench = np.array([0, 0, self.force, 0, 0, 0])
        return [('wrench', wrench)] if self.setup.wrench else []

    def _activity(self, controller: str) -> Message:
        label = Message(label='inactive' if self.fault else 'active')
        hardware = [Message(name='fr3', state=Message(label='active'))]
        return Message(
            hardware_components=hardware, controllers=[Message(name=controller, state=label)]
        )


def gripper_position(value: Any) -> float:
    """Return the position that a gripper message or goal commands [m]."""
    if isinstance(value, Joints):
        return float(value.positions[-1])
    if isinstance(value, dict):
        return float(np.ravel(value['command']['position'])[0])
    return float(value[0])
