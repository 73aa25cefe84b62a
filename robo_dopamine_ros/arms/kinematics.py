"""Forward kinematics and Jacobian of an arm from its URDF, computed by pinocchio; without meshes.

The tool is a link of the URDF, or a point fixed to one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pinocchio as pin

from robo_dopamine_ros.types import Pose

NO_OFFSET = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class KinematicsError(ValueError):
    """A URDF, joint or link that cannot be used as requested."""


@dataclass(frozen=True)
class JointLimits:
    """Limits of the joints; infinite where the URDF has none."""

    lower: np.ndarray  # (n,) [rad or m]
    upper: np.ndarray  # (n,) [rad or m]
    velocity: np.ndarray  # (n,) [rad/s or m/s]

    def within(self, margin: float, speed: float) -> 'JointLimits':
        """Return limits that are `margin` [rad] narrower, with at most `speed` [rad/s]."""
        margins = np.minimum(margin, (self.upper - self.lower) / 2)  # at most to the centre
        return JointLimits(
            lower=self.lower + margins,
            upper=self.upper - margins,
            velocity=np.minimum(self.velocity, speed),
        )


class Kinematics:
    """Kinematics of the joints between two links; `q` (n,) [rad] is in the order of their names."""

    def __init__(
        self,
        description: str,
        joints: Sequence[str],
        base: str,
        tool: str,
        offset: Sequence[float] = NO_OFFSET,
    ) -> None:
        """`offset` is the tool in the frame of the link `tool`: x y z, roll pitch yaw [m, rad]."""
        whole = _read(description)
        _check(whole, tuple(joints), base, tool)
        others = [i for i, name in enumerate(whole.names) if i and name not in joints]
        self._model = model = pin.buildReducedModel(whole, others, pin.neutral(whole))
        self.joints = tuple(joints)
        moved = [model.joints[model.getJointId(name)] for name in self.joints]
        self._continuous = np.array(
            [joint.nq == 2 for joint in moved]
        )  # continuous: cosine and sine in q
        prismatic = [joint.shortname().startswith('JointModelP') for joint in moved]
        self.rotates = ~np.array(prismatic)  # (n,) whether each is an angle
        self._q_index = np.array([joint.idx_q for joint in moved])
        self._columns = [joint.idx_v for joint in moved]
        self._indices = [model.getJointId(name) for name in self.joints]
        self._tool = model.addFrame(_tool_frame(model, tool, offset))
        self._data = model.createData()  # only after all frames were added
        pin.framesForwardKinematics(model, self._data, pin.neutral(model))
        self._base = self._data.oMf[model.getFrameId(base, pin.BODY)].inverse()
        self._to_base = np.kron(np.eye(2), self._base.rotation)
        self.limits = self._limits()

    def pose(self, q: np.ndarray) -> Pose:
        """Return the pose of the tool, base frame."""
        pin.forwardKinematics(self._model, self._data, self._model_q(q))
        return self._tool_pose()

    def pose_and_jacobian(self, q: np.ndarray) -> tuple[Pose, np.ndarray]:
        """Return pose and Jacobian (6, n) [m/s, rad/s] per joint velocity, base frame."""
        pin.computeJointJacobians(self._model, self._data, self._model_q(q))
        pose = self._tool_pose()
        jacobian = pin.getFrameJacobian(
            self._model, self._data, self._tool, pin.LOCAL_WORLD_ALIGNED
        )
        return pose, self._to_base @ jacobian[:, self._columns]

    def frames(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rotations (n, 3, 3) and origins (n, 3) [m] of the joints, base frame."""
        pin.forwardKinematics(self._model, self._data, self._model_q(q))
        placements = [self._base * self._data.oMi[index] for index in self._indices]
        rotations = np.array([placement.rotation for placement in placements])
        return rotations, np.array([placement.translation for placement in placements])

    def _tool_pose(self) -> Pose:
        tool = self._base * pin.updateFramePlacement(self._model, self._data, self._tool)
        orientation = pin.Quaternion(tool.rotation)  # `coeffs` is a view of it
        return Pose(tool.translation.copy(), orientation.coeffs().copy())

    def _model_q(self, q: np.ndarray) -> np.ndarray:
        """Return the joints in the layout of pinocchio."""
        if len(q) != len(self.joints):
            raise ValueError(f'{len(q)} joints given; there are {len(self.joints)}')
        full = np.empty(self._model.nq)
        full[self._q_index] = np.where(self._continuous, np.cos(q), q)
        full[self._q_index[self._continuous] + 1] = np.sin(q[self._continuous])
        return full

    def _limits(self) -> JointLimits:
        model = self._model
        velocity = model.velocityLimit[self._columns]
        return JointLimits(
            lower=np.where(self._continuous, -np.inf, model.lowerPositionLimit[self._q_index]),
            upper=np.where(self._continuous, np.inf, model.upperPositionLimit[self._q_index]),
            velocity=np.where(velocity > 0, velocity, np.inf),  # 0: not in the URDF
        )


def _read(description: str) -> pin.Model:
    try:
        return pin.buildModelFromXML(description)
    except ValueError as error:
        shown = description[:60].strip() or 'nothing'
        raise KinematicsError(f'robot_description is no URDF, it begins with: {shown}') from error


def _check(model: pin.Model, joints: tuple[str, ...], base: str, tool: str) -> None:
    """Check that the links exist, and that the joints are those between them."""
    links = [frame.name for frame in model.frames if frame.type == pin.BODY]
    for link in (base, tool):
        if link not in links:
            raise KinematicsError(f'the URDF has no link {link}; there are {", ".join(links)}')
    supports = [_supports(model, link) for link in (base, tool)]
    if aside := [name for name in supports[0] if name not in supports[1]]:
        raise KinematicsError(f'{base} does not carry {tool}: it moves with {", ".join(aside)}')
    between = [name for name in supports[1] if name not in supports[0]]
    if not between or sorted(between) != sorted(joints):
        raise KinematicsError(
            f'joints = {", ".join(joints) or "none"}; '
            f'from {base} to {tool} they must be {", ".join(between) or "some, there are none"}'
        )
    for name in joints:
        if model.joints[model.getJointId(name)].nv != 1:
            raise KinematicsError(f'joint {name} moves in more than one way; that is not supported')


def _supports(model: pin.Model, link: str) -> list[str]:
    """Return the names of the joints that move a link, from the root on."""
    joint = model.frames[model.getFrameId(link, pin.BODY)].parentJoint
    return [model.names[i] for i in model.supports[joint] if i]


def _tool_frame(model: pin.Model, link: str, offset: Sequence[float]) -> pin.Frame:
    if len(offset) != 6 or not np.isfinite(offset).all():
        raise KinematicsError(
            f'offset = {tuple(offset)}; it must be x y z, roll pitch yaw [m, rad]'
        )
    index = model.getFrameId(link, pin.BODY)
    frame = model.frames[index]
    away = pin.SE3(pin.rpy.rpyToMatrix(*map(float, offset[3:])), np.array(offset[:3], float))
    placement = frame.placement * away
    return pin.Frame('the tool itself', frame.parentJoint, index, placement, pin.FrameType.OP_FRAME)
