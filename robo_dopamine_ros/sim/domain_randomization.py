"""Randomised start poses and appearance of the scene."""

from dataclasses import dataclass

import mujoco
import numpy as np

from robo_dopamine_ros.sim.scene import BOARD_POSITION, SURFACE_MATERIALS
from robo_dopamine_ros.types import VIEWS


@dataclass(frozen=True)
class StartDistribution:
    """Ranges of the board's pose and of the peg's start pose around the hole."""

    board_shift: float = 0.03  # maximum shift of the board per axis [m]
    board_yaw: float = 0.20  # maximum [rad]
    min_distance: float = 0.160  # of the tip from the hole [m]
    max_distance: float = 0.180  # [m]
    max_angle: float = 1.1  # of the tip from the hole's axis [rad]
    peg_yaw: float = 0.25  # maximum, against the board [rad]

    def __post_init__(self):
        for name in ('board_shift', 'board_yaw', 'min_distance', 'peg_yaw'):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} is {getattr(self, name)}; it must be at least 0')
        if not self.min_distance <= self.max_distance <= 0.25:
            raise ValueError(
                f'max_distance is {self.max_distance} m; '
                f'it must lie in min_distance ({self.min_distance})..0.25 m'
            )
        if not 0 <= self.max_angle <= 1.2:
            raise ValueError(f'max_angle is {self.max_angle} rad; it must lie in 0..1.2 rad')


@dataclass(frozen=True)
class VisualRandomization:
    """Spread of light, colours and cameras; 0 keeps the default appearance."""

    light_intensity: float = 0.35  # relative spread of each light's strength
    color_blend: float = 0.35  # maximum share of a random colour in every colour
    camera_position: float = 0.012  # standard deviation of a camera's position [m]
    camera_angle: float = 0.02  # standard deviation of a camera's direction [rad]
    field_of_view: float = 0.03  # relative standard deviation of the field of view
    materials: bool = True  # whether table and wall get random materials

    def __post_init__(self):
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise ValueError(f'{name} is {value}; it must lie in 0..1')


@dataclass(frozen=True)
class InsertionStart:
    """Start poses of one episode, in the base frame."""

    board: np.ndarray  # (3,) middle of the board's top [m]
    board_yaw: float  # of the board about z [rad]
    tip: np.ndarray  # (3,) peg tip [m]
    tip_yaw: float  # of the peg about z [rad]


def sample_start(starts: StartDistribution, rng: np.random.Generator) -> InsertionStart:
    """Sample the start poses of an episode."""
    shift = rng.uniform(-starts.board_shift, starts.board_shift, 2)
    board = np.array(BOARD_POSITION) + np.append(shift, 0.0)
    yaw = rng.uniform(-starts.board_yaw, starts.board_yaw)
    angle, around = rng.uniform(0.15, 1.0) * starts.max_angle, rng.uniform(-np.pi, np.pi)
    away = [np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), np.cos(angle)]
    tip = board + rng.uniform(starts.min_distance, starts.max_distance) * np.array(away)
    return InsertionStart(board, yaw, tip, yaw + rng.uniform(-starts.peg_yaw, starts.peg_yaw))


class VisualRandomizer:
    """Randomises the appearance of a model, always from its default appearance."""

    def __init__(self, model: mujoco.MjModel):
        self._model = model
        self._default = {name: getattr(model, name).copy() for name in self._FIELDS}
        self._materials = [model.material(name).id for name in SURFACE_MATERIALS]

    _FIELDS = (
        'mat_rgba', 'mat_texrepeat', 'light_diffuse', 'light_dir', 'cam_pos', 'cam_quat',
        'cam_fovy', 'geom_matid',
    )  # fmt: skip

    def restore(self) -> None:
        """Restore the default appearance."""
        for name, value in self._default.items():
            getattr(self._model, name)[:] = value

    def randomize(self, spread: VisualRandomization, rng: np.random.Generator) -> None:
        """Set a random appearance."""
        self.restore()
        model = self._model
        if spread.materials:
            for name in ('table', 'wall'):
                model.geom(name).matid = rng.choice(self._materials)
        model.mat_texrepeat *= rng.uniform(0.6, 1.6, (model.nmat, 1))
        tint = rng.uniform(0.05, 0.95, (model.nmat, 3))
        blend = rng.uniform(0, spread.color_blend, (model.nmat, 1))
        model.mat_rgba[:, :3] += blend * (tint - model.mat_rgba[:, :3])
        hole = model.material('hole').id
        model.mat_rgba[hole, :3] = rng.uniform(0.0, 0.12, 3)
        model.light_diffuse *= rng.uniform(
            1 - spread.light_intensity, 1 + spread.light_intensity, (model.nlight, 1)
        )
        model.light_dir += rng.normal(0, spread.light_intensity / 2, (model.nlight, 3))
        for view in VIEWS:
            self._move_camera(model.camera(view).id, spread, rng)

    def _move_camera(
        self, camera: int, spread: VisualRandomization, rng: np.random.Generator
    ) -> None:
        model = self._model
        share = 1.0 if model.camera(camera).name == VIEWS[0] else 0.25  # wrist mounts are stiff
        model.cam_pos[camera] += share * rng.normal(0, spread.camera_position, 3)
        mujoco.mju_quatIntegrate(
            model.cam_quat[camera], rng.normal(0, spread.camera_angle * max(share, 0.5), 3), 1.0
        )
        model.cam_fovy[camera] *= 1 + rng.normal(0, spread.field_of_view)
