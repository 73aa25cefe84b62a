"""Off-screen rendering of a MuJoCo model from its named cameras."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import mujoco
import numpy as np

from robo_dopamine_ros.sim.gl import INSTALL_HINT, NoRendererError
from robo_dopamine_ros.types import VIEWS

DISABLED_EFFECTS = ('mjRND_SHADOW', 'mjRND_REFLECTION', 'mjRND_FOG', 'mjRND_HAZE')


class CameraRenderer:
    """Renders all views at one size; use and close it in the thread that made it."""

    def __init__(
        self,
        model: mujoco.MjModel,
        size: tuple[int, int] = (160, 120),
        views: Sequence[str] = VIEWS,
        antialias: bool = False,
        supersample: int = 1,
    ):
        """`size` is (width, height) [px]; `antialias` takes four samples per pixel.

        Images are rendered `supersample` times larger and then shrunk by area averaging, as the
        images of real cameras are before a model gets them.
        """
        width, height = size[0] * supersample, size[1] * supersample
        if not (8 <= width <= 4096 and 8 <= height <= 4096):
            text = f'size = {size}, supersample = {supersample}'
            raise ValueError(f'{text}; a side must lie in 8..4096 pixels')
        if os.environ['MUJOCO_GL'] == 'disabled':
            raise NoRendererError(INSTALL_HINT)
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        model.vis.quality.offsamples = 4 if antialias else 0
        self.views = tuple(views)
        self._output_size = size if supersample > 1 else None
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except (mujoco.FatalError, RuntimeError) as error:
            raise NoRendererError(
                f'no image of {size} can be rendered ({error}); {INSTALL_HINT}'
            ) from error
        for flag in DISABLED_EFFECTS:
            self._renderer.scene.flags[getattr(mujoco.mjtRndFlag, flag)] = 0

    def render(self, data: mujoco.MjData) -> dict[str, np.ndarray]:
        """Render a new (H, W, 3) uint8 RGB image of every view."""
        images = {}
        for view in self.views:
            self._renderer.update_scene(data, view)
            image = self._renderer.render()
            if self._output_size is not None:
                image = cv2.resize(image, self._output_size, interpolation=cv2.INTER_AREA)
            images[view] = image
        return images

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()


@dataclass(frozen=True)
class WorldSnapshot:
    """Positions of everything that moves, to be rendered in another thread."""

    stamp: int  # [ns]
    joint_positions: np.ndarray  # (n,) [rad]
    mocap_positions: np.ndarray  # (k, 3) of the mocap bodies [m]
    mocap_quaternions: np.ndarray  # (k, 4) w, x, y, z


def take_snapshot(data: mujoco.MjData, stamp: int) -> WorldSnapshot:
    """Copy the positions at `stamp` [ns]."""
    return WorldSnapshot(stamp, data.qpos.copy(), data.mocap_pos.copy(), data.mocap_quat.copy())


class SnapshotRenderer:
    """Renders snapshots; the thread that renders the first must render and close all."""

    def __init__(self, model: mujoco.MjModel, size: tuple[int, int], antialias: bool = False):
        """`size` and `antialias` are as in CameraRenderer."""
        self._model, self._size, self._antialias = model, size, antialias
        self._data = mujoco.MjData(model)
        self._cameras: CameraRenderer | None = None

    def render(self, snapshot: WorldSnapshot) -> dict[str, np.ndarray]:
        """Render an (H, W, 3) uint8 RGB image of every view."""
        if self._cameras is None:
            self._cameras = CameraRenderer(self._model, self._size, antialias=self._antialias)
        data = self._data
        data.qpos[:] = snapshot.joint_positions
        data.mocap_pos[:], data.mocap_quat[:] = snapshot.mocap_positions, snapshot.mocap_quaternions
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_camlight(self._model, data)
        return self._cameras.render(data)

    def close(self) -> None:
        """Free the OpenGL context."""
        if self._cameras is not None:
            self._cameras.close()
