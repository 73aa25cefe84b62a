"""The world of the peg: it is reset, given a target for the peg's tip, and advanced in time."""

from dataclasses import dataclass

import mujoco
import numpy as np

from robo_dopamine_ros.sim import franka, truth
from robo_dopamine_ros.sim.scene import Workpiece, mjcf
from robo_dopamine_ros.sim.textures import paint, planks
from robo_dopamine_ros.sim.variation import Looks, Start, Starts, Wardrobe, draw


@dataclass(frozen=True)
class Reins:
    """How the tip's setpoint follows what is asked for."""

    period: float = 0.010  # between two changes of the setpoint [s]
    leash: float = 0.014  # largest lead of the setpoint over the tip [m]
    twist: float = 0.08  # largest lead about an axis [rad]
    speed: float = 0.15  # [m/s]
    turning: float = 1.2  # [rad/s]
    touch: float = 0.04  # speed close to or in contact, which bounds the impact [m/s]
    margin: float = 0.010  # height above the board below which `touch` holds [m]
    low: tuple[float, float, float] = (0.28, -0.28, 0.02)  # where the tip may go [m]
    high: tuple[float, float, float] = (0.72, 0.28, 0.40)

    def __post_init__(self):
        for name in ('period', 'leash', 'twist', 'speed', 'turning', 'touch'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} is {getattr(self, name)}; it must be above 0')


def _turned(quat: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Quaternion w, x, y, z turned by a rotation vector in the base frame."""
    by, out = np.zeros(4), np.zeros(4)
    angle = float(np.linalg.norm(turn))
    mujoco.mju_axisAngle2Quat(by, turn / angle if angle > 0 else np.array([0.0, 0, 1]), angle)
    mujoco.mju_mulQuat(out, by, quat)
    return out


def _turn(goal: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Rotation vector in the base frame that turns `start` into `goal`."""
    back, by, turn = np.zeros(4), np.zeros(4), np.zeros(3)
    mujoco.mju_negQuat(back, start)
    mujoco.mju_mulQuat(by, goal, back)
    mujoco.mju_quat2Vel(turn, by, 1.0)
    return turn


def upright(yaw: float) -> np.ndarray:
    """Quaternion w, x, y, z of the tip frame, z up, turned by `yaw` [rad]."""
    return np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])


def _clip(vector: np.ndarray, length: float) -> np.ndarray:
    norm = float(np.sqrt(vector @ vector))
    return vector if norm <= length else vector * (length / norm)


class World:
    """One arm, one board; poses of the peg's tip, z up, in the frame of the arm's base."""

    def __init__(self, piece: Workpiece | None = None, reins: Reins | None = None):
        self.piece, self.reins = piece or Workpiece(), reins or Reins()
        self.model = mujoco.MjModel.from_xml_string(mjcf(self.piece))
        paint(self.model, 'oak', planks(256, np.random.default_rng(0)))
        self.data = mujoco.MjData(self.model)
        self._wardrobe = Wardrobe(self.model)
        self._board = self.model.body('board').mocapid[0]
        self._tip, self._peg = self.model.site('tip').id, self.model.body('peg').id
        self._steps = max(1, round(self.reins.period / self.piece.timestep))
        self.start = draw(Starts(0, 0, 0.16, 0.16, 0, 0), np.random.default_rng(0))
        self.place(self.start)

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
        data.qpos[: len(franka.HOME)] = franka.HOME
        quat = upright(start.yaw)
        self._reach(start.tip, quat)
        self._set(start.tip, quat)
        self.target, self.heading = start.tip.copy(), quat
        self.contact = 0.0  # largest contact force of the last step [N]
        mujoco.mj_forward(self.model, data)

    def _reach(self, position: np.ndarray, quat: np.ndarray, steps: int = 60) -> None:
        """Move the joints, without physics, until the tip is there."""
        model, data = self.model, self.data
        jacobian = np.zeros((6, model.nv))
        for _ in range(steps):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            error = np.concatenate([position - self.tip, _turn(quat, self.quat)])
            if np.abs(error).max() < 1e-7:
                return
            mujoco.mj_jacBody(model, data, jacobian[:3], jacobian[3:], self._peg)
            square = jacobian @ jacobian.T + 1e-5 * np.eye(6)
            data.qpos += np.clip(jacobian.T @ np.linalg.solve(square, error), -0.3, 0.3)
        raise ValueError(f'the arm cannot reach {np.round(position, 3)} m')

    def _set(self, position: np.ndarray, quat: np.ndarray) -> None:
        self.setpoint, self.set_quat = position.copy(), quat.copy()
        self.data.ctrl[:3] = position
        mujoco.mju_quat2Vel(self.data.ctrl[3:6], quat, 1.0)

    @property
    def time(self) -> float:
        """Time since the reset [s]."""
        return self.data.time

    @property
    def tip(self) -> np.ndarray:
        """Position (3,) of the peg's tip in the base frame [m]."""
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
    def offset(self) -> np.ndarray:
        """Position (3,) of the tip in the hole's frame [m]: what `truth` judges."""
        x, y, z = self.tip - self.start.board
        c, s = np.cos(self.start.turn), np.sin(self.start.turn)
        return np.array([c * x + s * y, c * y - s * x, z])

    @property
    def twist(self) -> np.ndarray:
        """Velocity (6,) of the tip in the base frame [m/s, rad/s]."""
        out = np.zeros(6)
        mujoco.mj_objectVelocity(self.model, self.data, mujoco.mjtObj.mjOBJ_SITE, self._tip, out, 0)
        return np.concatenate([out[3:], out[:3]])

    @property
    def wrench(self) -> np.ndarray:
        """Force and torque (6,) of the surroundings on the peg, at its tip, base frame [N, N m]."""
        frame = self.data.site_xmat[self._tip].reshape(3, 3)
        return -(self.data.sensordata.reshape(2, 3) @ frame.T).ravel()

    @property
    def progress(self) -> float:
        """True progress in 0..1."""
        return float(truth.progress(self.offset, self.piece.hole))

    @property
    def grade(self) -> str:
        """What the episode would be if it ended now."""
        return truth.grade(self.offset, self.piece.hole)

    def aim(self, position: np.ndarray, quat: np.ndarray) -> None:
        """Ask for a pose of the tip frame; it is refused unless finite, and kept in reach."""
        if not (np.isfinite(position).all() and np.isfinite(quat).all() and np.any(quat)):
            raise ValueError(f'the target {position}, {quat} is not a finite pose')
        self.target = np.clip(position, self.reins.low, self.reins.high)
        self.heading = np.asarray(quat, dtype=float) / np.linalg.norm(quat)

    def advance(self) -> None:
        """Move the setpoint towards the target for one period, and the world with it."""
        reins, tip = self.reins, self.tip
        touching = self.contact > 1.0 or tip[2] - self.start.board[2] < reins.margin
        speed = reins.touch if touching else reins.speed
        step = _clip(self.target - self.setpoint, speed * reins.period)
        position = tip + _clip(self.setpoint + step - tip, reins.leash)
        turn = _clip(_turn(self.heading, self.set_quat), reins.turning * reins.period)
        ahead = _clip(_turn(_turned(self.set_quat, turn), self.quat), reins.twist)
        self._set(position, _turned(self.quat, ahead))
        mujoco.mj_step(self.model, self.data, self._steps)
        self.contact = float(np.linalg.norm(self.data.sensordata[:3]))

    def move(self, step: np.ndarray, turn: np.ndarray, seconds: float) -> None:
        """Glide the target on by a step [m] and a turn [rad] from the setpoint, in `seconds`."""
        ticks = max(1, round(seconds / self.reins.period))
        start, quat = self.setpoint.copy(), self.set_quat.copy()
        for tick in range(1, ticks + 1):
            part = tick / ticks
            self.aim(start + part * step, _turned(quat, part * turn))
            self.advance()
