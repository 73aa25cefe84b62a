"""Pictures of a MuJoCo model from its named cameras."""

import os
from collections.abc import Sequence

import cv2
import mujoco
import numpy as np

from robo_dopamine_ros.sim.gl import ADVICE, NoRenderer
from robo_dopamine_ros.types import VIEWS

OFF = ('mjRND_SHADOW', 'mjRND_REFLECTION', 'mjRND_FOG', 'mjRND_HAZE')


class Cameras:
    """Draws all views at one size; use and close it in the thread that made it."""

    def __init__(
        self,
        model: mujoco.MjModel,
        size: tuple[int, int] = (160, 120),
        views: Sequence[str] = VIEWS,
        smooth: bool = False,
        fine: int = 1,
    ):
        """Size is (width, height) in pixels; `smooth` draws four samples a pixel.

        `fine` times larger pictures are drawn and then shrunk, as pictures of large cameras are
        before a model sees them.
        """
        width, height = size[0] * fine, size[1] * fine
        if not (8 <= width <= 4096 and 8 <= height <= 4096):
            raise ValueError(f'size = {size}, fine = {fine}; a side must lie in 8..4096 pixels')
        if os.environ['MUJOCO_GL'] == 'disabled':
            raise NoRenderer(ADVICE)
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        model.vis.quality.offsamples = 4 if smooth else 0
        self.views = tuple(views)
        self._shrunk = size if fine > 1 else None
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except (mujoco.FatalError, RuntimeError) as error:
            raise NoRenderer(f'no picture of {size} can be drawn ({error}); {ADVICE}') from error
        for flag in OFF:
            self._renderer.scene.flags[getattr(mujoco.mjtRndFlag, flag)] = 0

    def draw(self, data: mujoco.MjData) -> dict[str, np.ndarray]:
        """A fresh (H, W, 3) uint8 RGB picture for every view."""
        pictures = {}
        for view in self.views:
            self._renderer.update_scene(data, view)
            picture = self._renderer.render()
            if self._shrunk is not None:
                picture = cv2.resize(picture, self._shrunk, interpolation=cv2.INTER_AREA)
            pictures[view] = picture
        return pictures

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()
