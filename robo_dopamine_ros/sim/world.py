"""The world of the peg: it is reset, told where the tool should go, and advanced in time."""

import mujoco
import numpy as np

from robo_dopamine_ros.sim import franka, truth
from robo_dopamine_ros.sim.rotation import FLIP, rotated, times, turn_between, upright
from robo_dopamine_ros.sim.scene import Workpiece, mjcf
from robo_dopamine_ros.sim.setpoint import Reins, Setpoint
from robo_dopamine_ros.sim.textures import paint, planks
from robo_dopamine_ros.sim.variation import Looks, Start, Starts, Wardrobe, draw
from robo_dopamine_ros.types import Pose

RATE = 10.0  # actions a second [Hz]
STEP = 0.010  # displacement of the tip by a full action [m]
TURN = 0.10  # turn of the tip by a full action [rad]
TOUCH = 1.0  # force from which the peg counts as in contact [N]
GRAVITY = 9.81  # [m/s^2]


class World:
    """One arm, one board; the tip frame sits on the peg's tip, z up; poses in the base frame."""

    def __init__(self, piece: Workpiece | None = None, reins: Reins | None = None):
        self.piece, self.reins = piece or Workpiece(), reins or Reins()
        self.model = mujoco.MjModel.from_xml_string(mjcf(self.piece))
        paint(self.model, 'oak', planks(256, np.random.default_rng(0)))
        self.data = mujoco.MjData(self.model)
        self._wardrobe = Wardrobe(self.model)
        self._board = self.model.body('board').mocapid[0]
        self._tip, self._peg = self.model.site('tip').id, self.model.body('peg').id
        self._tcp = self.model.body('tcp').id
        self._fingers = [self.model.body(name).id for name in franka.FINGERS]
        self._weight = np.array([0.0, 0.0, GRAVITY * float(self.model.body('peg').mass[0])])
        self._steps = max(1, round(self.reins.period / self.piece.timestep))
        self.place(draw(Starts(0, 0, 0.16, 0.16, 0, 0), np.random.default_rng(0)))

    def reset(
        self, rng: np.random.Generator, starts: Starts | None = None, looks: Looks | None = None
    ) -> None:
        """Begin anew somewhere else; `looks` None keeps the plain look."""
        self._wardrobe.plain()
        if looks is not None:
            self._wardrobe.change(looks, rng)
        self.place(draw(starts or Starts(), rng))

    def place(self, start: Start) -> None:
        """Put the board and the resting arm where `start` says."""
        self.start, data = start, self.data
        mujoco.mj_resetData(self.model, data)
        data.mocap_pos[self._board] = start.board
        data.mocap_quat[self._board] = upright(start.turn)
        data.qpos[:] = franka.HOME
        self.grip(0.0)
        self._reach(start.tip, upright(start.yaw))
        mujoco.mj_forward(self.model, data)
        self.setpoint = Setpoint(self.reins, self.tip, self.quat)
        self.contact = 0.0  # force on the peg after the last period [N]

    def _reach(self, position: np.ndarray, quat: np.ndarray, steps: int = 60) -> None:
        """Move the joints, without physics, until the tip is there."""
        model, data = self.model, self.data
        jacobian = np.zeros((6, model.nv))
        for _ in range(steps):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            error = np.concatenate([position - self.tip, turn_between(self.quat, quat)])
            if np.abs(error).max() < 1e-7:
                return
            mujoco.mj_jacBody(model, data, jacobian[:3], jacobian[3:], self._peg)
            square = jacobian @ jacobian.T + 1e-5 * np.eye(6)
            data.qpos += np.clip(jacobian.T @ np.linalg.solve(square, error), -0.3, 0.3)
        raise ValueError(f'the arm cannot reach {np.round(position, 3)} m')

    def grip(self, opening: float) -> None:
        """Open the fingers, 0 closed .. 1 open; the peg is bolted on and stays."""
        closed = self.piece.peg / 2 / franka.STROKE
        self.opening = float(np.clip(opening, closed, 1.0))
        for finger, side in zip(self._fingers, (-1, 1), strict=True):
            self.model.body_pos[finger, 1] = side * self.opening * franka.STROKE

    def advance(self) -> None:
        """Move the setpoint on by one period, and the world with it."""
        tip, data = self.tip, self.data
        height = float(tip[2] - self.start.board[2])
        self.setpoint.follow(tip, self.quat, height, touching=self.contact > TOUCH)
        data.ctrl[:3] = self.setpoint.position
        mujoco.mju_quat2Vel(data.ctrl[3:6], self.setpoint.quat, 1.0)
        mujoco.mj_step(self.model, data, self._steps)
        self.contact = float(np.linalg.norm(self.wrench[:3]))

    def act(self, action: np.ndarray) -> None:
        """Carry out one action for 1 / RATE seconds; see `head`."""
        self.head(action)
        for _ in range(round(1 / RATE / self.reins.period)):
            self.advance()

    def head(self, action: np.ndarray) -> None:
        """Set out on an action without waiting for it.

        It is x, y, z and yaw, or x, y, z and turns about x, y, z, each in -1..1.
        """
        turn = np.array([0, 0, action[3]]) if len(action) == 4 else action[3:]
        self.setpoint.glide(action[:3] * STEP, turn * TURN, 1 / RATE)

    @property
    def tip(self) -> np.ndarray:
        """Position (3,) of the peg's tip [m]."""
        return self.data.site_xpos[self._tip].copy()

    @property
    def quat(self) -> np.ndarray:
        """Orientation (4,) of the tip frame, w, x, y, z."""
        return self.data.xquat[self._peg].copy()

    @property
    def yaw(self) -> float:
        """Turn of the tip frame about z [rad]."""
        frame = self.data.site_xmat[self._tip]
        return float(np.arctan2(frame[3], frame[0]))

    @property
    def twist(self) -> np.ndarray:
        """Velocity (6,) of the tip [m/s, rad/s]."""
        return self._velocity(mujoco.mjtObj.mjOBJ_SITE, self._tip, local=0)

    @property
    def wrench(self) -> np.ndarray:
        """Force and torque (6,) of the surroundings on the peg, at its tip [N, N m]."""
        frame = self.data.site_xmat[self._tip].reshape(3, 3)
        force, torque = -(self.data.sensordata.reshape(2, 3) @ frame.T)
        return np.concatenate([force + self._weight, torque])

    @property
    def tool(self) -> Pose:
        """The tool centre point between the fingers, z along the peg, as the driver reports it."""
        w, x, y, z = self.data.xquat[self._tcp]
        return Pose(self.data.xpos[self._tcp].copy(), np.array([x, y, z, w]))

    @property
    def tool_twist(self) -> np.ndarray:
        """Velocity (6,) of the tool centre point in its own frame [m/s, rad/s]."""
        return self._velocity(mujoco.mjtObj.mjOBJ_XBODY, self._tcp, local=1)

    def aim_tool(self, pose: Pose) -> None:
        """Ask for a pose of the tool centre point; ValueError unless it is finite."""
        x, y, z, w = pose.orientation
        quat = np.array([w, x, y, z]) / max(float(np.linalg.norm(pose.orientation)), 1e-9)
        reach = rotated(np.array([0, 0, self.piece.reach]), quat)
        self.setpoint.aim(pose.position + reach, times(quat, FLIP))

    @property
    def offset(self) -> np.ndarray:
        """Position (3,) of the tip in the hole's frame [m]: what `truth` judges."""
        x, y, z = self.tip - self.start.board
        c, s = np.cos(self.start.turn), np.sin(self.start.turn)
        return np.array([c * x + s * y, c * y - s * x, z])

    @property
    def progress(self) -> float:
        """True progress in 0..1."""
        return float(truth.progress(self.offset, self.piece.hole))

    @property
    def grade(self) -> str:
        """What the episode would be if it ended now."""
        return truth.grade(self.offset, self.piece.hole)

    def _velocity(self, kind: mujoco.mjtObj, item: int, local: int) -> np.ndarray:
        out = np.zeros(6)
        mujoco.mj_objectVelocity(self.model, self.data, kind, item, out, local)
        return np.concatenate([out[3:], out[:3]])
