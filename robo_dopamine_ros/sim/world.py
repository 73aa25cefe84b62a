"""The MuJoCo world of peg insertion: reset, setpoint, physics steps, measurements."""

import mujoco
import numpy as np

from robo_dopamine_ros.sim import franka, ground_truth, quaternion
from robo_dopamine_ros.sim.domain_randomization import (
    InsertionStart,
    StartDistribution,
    VisualRandomization,
    VisualRandomizer,
    sample_start,
)
from robo_dopamine_ros.sim.scene import Workpiece, make_mjcf, plank_texture, set_texture
from robo_dopamine_ros.sim.setpoint_filter import SetpointFilter, SetpointLimits
from robo_dopamine_ros.types import Pose

ACTION_RATE = 10.0  # actions a second [Hz]
STEP_LENGTH = 0.010  # displacement of the tip by a full action [m]
STEP_ANGLE = 0.10  # turn of the tip by a full action [rad]
CONTACT_THRESHOLD = 1.0  # force from which the peg counts as in contact [N]
GRAVITY = 9.81  # [m/s^2]


class World:
    """One arm with a peg, one board with a hole; poses are in the base frame.

    The tip frame has its origin at the peg's tip, z up.
    """

    def __init__(
        self, workpiece: Workpiece | None = None, setpoint_limits: SetpointLimits | None = None
    ):
        self.workpiece = workpiece or Workpiece()
        self.setpoint_limits = setpoint_limits or SetpointLimits()
        self.model = mujoco.MjModel.from_xml_string(make_mjcf(self.workpiece))
        set_texture(self.model, 'oak', plank_texture(256, np.random.default_rng(0)))
        self.data = mujoco.MjData(self.model)
        self._randomizer = VisualRandomizer(self.model)
        self._board = self.model.body('board').mocapid[0]
        self._tip, self._peg = self.model.site('tip').id, self.model.body('peg').id
        self._tcp = self.model.body('tcp').id
        self._fingers = [self.model.body(name).id for name in franka.FINGERS]
        self._weight = np.array([0.0, 0.0, GRAVITY * float(self.model.body('peg').mass[0])])
        self._steps = max(1, round(self.setpoint_limits.period / self.workpiece.timestep))
        self.set_start(
            sample_start(StartDistribution(0, 0, 0.16, 0.16, 0, 0), np.random.default_rng(0))
        )

    def reset(
        self,
        rng: np.random.Generator,
        starts: StartDistribution | None = None,
        visuals: VisualRandomization | None = None,
    ) -> None:
        """Sample new start poses; `visuals` None keeps the default appearance."""
        self._randomizer.restore()
        if visuals is not None:
            self._randomizer.randomize(visuals, rng)
        self.set_start(sample_start(starts or StartDistribution(), rng))

    def set_start(self, start: InsertionStart) -> None:
        """Move the board and the arm, at rest, to their start poses."""
        self.start, data = start, self.data
        mujoco.mj_resetData(self.model, data)
        data.mocap_pos[self._board] = start.board
        data.mocap_quat[self._board] = quaternion.yaw_quaternion(start.board_yaw)
        data.qpos[:] = franka.HOME
        self.set_gripper(0.0)
        self._move_joints_to(start.tip, quaternion.yaw_quaternion(start.tip_yaw))
        mujoco.mj_forward(self.model, data)
        self.setpoint = SetpointFilter(self.setpoint_limits, self.tip, self.tip_quaternion)
        self.contact_force = 0.0  # force on the peg after the last period [N]

    def _move_joints_to(self, position: np.ndarray, quat: np.ndarray, steps: int = 60) -> None:
        """Solve the inverse kinematics of a tip pose; ValueError where the arm cannot reach it."""
        model, data = self.model, self.data
        jacobian = np.zeros((6, model.nv))
        for _ in range(steps):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            error = np.concatenate(
                [position - self.tip, quaternion.rotation_between(self.tip_quaternion, quat)]
            )
            if np.abs(error).max() < 1e-7:
                return
            mujoco.mj_jacBody(model, data, jacobian[:3], jacobian[3:], self._peg)
            square = jacobian @ jacobian.T + 1e-5 * np.eye(6)
            data.qpos += np.clip(jacobian.T @ np.linalg.solve(square, error), -0.3, 0.3)
        raise ValueError(f'the arm cannot reach {np.round(position, 3)} m')

    def set_gripper(self, opening: float) -> None:
        """Set the opening of the fingers, 0 closed .. 1 open; the peg is fixed to the hand."""
        closed = self.workpiece.peg_width / 2 / franka.FINGER_STROKE
        self.gripper_opening = float(np.clip(opening, closed, 1.0))
        for finger, side in zip(self._fingers, (-1, 1), strict=True):
            self.model.body_pos[finger, 1] = side * self.gripper_opening * franka.FINGER_STROKE

    def step(self) -> None:
        """Advance setpoint and physics by one period of the setpoint."""
        tip, data = self.tip, self.data
        height = float(tip[2] - self.start.board[2])
        self.setpoint.step(
            tip, self.tip_quaternion, height, touching=self.contact_force > CONTACT_THRESHOLD
        )
        data.ctrl[:3] = self.setpoint.position
        mujoco.mju_quat2Vel(data.ctrl[3:6], self.setpoint.quat, 1.0)
        mujoco.mj_step(self.model, data, self._steps)
        self.contact_force = float(np.linalg.norm(self.wrench[:3]))

    def apply_action(self, action: np.ndarray) -> None:
        """Execute one action for 1 / ACTION_RATE seconds; see `set_action`."""
        self.set_action(action)
        for _ in range(round(1 / ACTION_RATE / self.setpoint_limits.period)):
            self.step()

    def set_action(self, action: np.ndarray) -> None:
        """Start an action: x, y, z, yaw (4,), or x, y, z and rotation (6,), each in -1..1."""
        turn = np.array([0, 0, action[3]]) if len(action) == 4 else action[3:]
        self.setpoint.move_by(action[:3] * STEP_LENGTH, turn * STEP_ANGLE, 1 / ACTION_RATE)

    @property
    def tip(self) -> np.ndarray:
        """Position (3,) of the peg's tip [m]."""
        return self.data.site_xpos[self._tip].copy()

    @property
    def tip_quaternion(self) -> np.ndarray:
        """Orientation (4,) of the tip frame, w, x, y, z."""
        return self.data.xquat[self._peg].copy()

    @property
    def tip_yaw(self) -> float:
        """Rotation of the tip frame about z [rad]."""
        frame = self.data.site_xmat[self._tip]
        return float(np.arctan2(frame[3], frame[0]))

    @property
    def tip_twist(self) -> np.ndarray:
        """Velocity (6,) of the tip [m/s, rad/s]."""
        return self._velocity(mujoco.mjtObj.mjOBJ_SITE, self._tip, local=0)

    @property
    def wrench(self) -> np.ndarray:
        """External force and torque (6,) on the peg, at its tip [N, N m]."""
        frame = self.data.site_xmat[self._tip].reshape(3, 3)
        force, torque = -(self.data.sensordata.reshape(2, 3) @ frame.T)
        return np.concatenate([force + self._weight, torque])

    @property
    def tool_pose(self) -> Pose:
        """Pose of the tool centre point, z along the peg, as the driver reports it."""
        w, x, y, z = self.data.xquat[self._tcp]
        return Pose(self.data.xpos[self._tcp].copy(), np.array([x, y, z, w]))

    @property
    def tool_twist(self) -> np.ndarray:
        """Velocity (6,) of the tool centre point in its own frame [m/s, rad/s]."""
        return self._velocity(mujoco.mjtObj.mjOBJ_XBODY, self._tcp, local=1)

    def set_tool_target(self, pose: Pose) -> None:
        """Set the target of the tool centre point; ValueError unless it is finite."""
        x, y, z, w = pose.orientation
        quat = np.array([w, x, y, z]) / max(float(np.linalg.norm(pose.orientation)), 1e-9)
        tip_offset = quaternion.rotate_vector(np.array([0, 0, self.workpiece.tip_offset]), quat)
        self.setpoint.set_target(
            pose.position + tip_offset, quaternion.multiply(quat, quaternion.FLIP_X)
        )

    @property
    def tip_in_hole(self) -> np.ndarray:
        """Position (3,) of the tip in the hole's frame [m], as `ground_truth` takes it."""
        x, y, z = self.tip - self.start.board
        c, s = np.cos(self.start.board_yaw), np.sin(self.start.board_yaw)
        return np.array([c * x + s * y, c * y - s * x, z])

    @property
    def progress(self) -> float:
        """Ground-truth progress, 0..1."""
        return float(ground_truth.progress(self.tip_in_hole, self.workpiece.hole_width))

    @property
    def grade(self) -> str:
        """Grade of the episode if it ended now: success, partial or failure."""
        return ground_truth.grade(self.tip_in_hole, self.workpiece.hole_width)

    def _velocity(self, kind: mujoco.mjtObj, item: int, local: int) -> np.ndarray:
        out = np.zeros(6)
        mujoco.mj_objectVelocity(self.model, self.data, kind, item, out, local)
        return np.concatenate([out[3:], out[:3]])
