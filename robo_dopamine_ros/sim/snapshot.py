"""A moment of the world, small enough to be drawn elsewhere while the world goes on."""

from dataclasses import dataclass

import mujoco
import numpy as np

from robo_dopamine_ros.sim.cameras import Cameras


@dataclass(frozen=True)
class Snapshot:
    """Where everything was."""

    stamp: int  # [ns]
    joints: np.ndarray  # (n,) [rad]
    place: np.ndarray  # (k, 3) of the bodies that are put somewhere [m]
    turn: np.ndarray  # (k, 4) their orientation, w, x, y, z


def take(data: mujoco.MjData, stamp: int) -> Snapshot:
    """Remember this moment."""
    return Snapshot(stamp, data.qpos.copy(), data.mocap_pos.copy(), data.mocap_quat.copy())


class Gallery:
    """Draws moments of a model; the thread that draws the first one must draw and close all."""

    def __init__(self, model: mujoco.MjModel, size: tuple[int, int], smooth: bool = False):
        """Size is (width, height) in pixels."""
        self._model, self._size, self._smooth = model, size, smooth
        self._data = mujoco.MjData(model)
        self._cameras: Cameras | None = None

    def draw(self, moment: Snapshot) -> dict[str, np.ndarray]:
        """A (H, W, 3) uint8 RGB picture for every view."""
        if self._cameras is None:
            self._cameras = Cameras(self._model, self._size, smooth=self._smooth)
        data = self._data
        data.qpos[:] = moment.joints
        data.mocap_pos[:], data.mocap_quat[:] = moment.place, moment.turn
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_camlight(self._model, data)
        return self._cameras.draw(data)

    def close(self) -> None:
        """Free the cameras."""
        if self._cameras is not None:
            self._cameras.close()
