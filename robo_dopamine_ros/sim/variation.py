"""What differs from episode to episode: where things start, and how they look."""

from dataclasses import dataclass

import mujoco
import numpy as np

from robo_dopamine_ros.sim.scene import BOARD, FINISHES
from robo_dopamine_ros.types import VIEWS


@dataclass(frozen=True)
class Starts:
    """Spread of the board's pose and of the tip's start around the hole."""

    board: float = 0.03  # largest shift of the board per axis [m]
    turn: float = 0.20  # largest turn of the board [rad]
    near: float = 0.160  # smallest start distance from the hole [m]
    far: float = 0.180  # largest start distance [m]
    cone: float = 1.1  # largest angle from the hole's axis [rad]
    yaw: float = 0.25  # largest turn of the peg [rad]

    def __post_init__(self):
        for name in ('board', 'turn', 'near', 'yaw'):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} is {getattr(self, name)}; it must be at least 0')
        if not self.near <= self.far <= 0.25:
            raise ValueError(f'far is {self.far} m; it must lie in near ({self.near})..0.25 m')
        if not 0 <= self.cone <= 1.2:
            raise ValueError(f'cone is {self.cone} rad; it must lie in 0..1.2 rad')


@dataclass(frozen=True)
class Looks:
    """Spread of light, colours and cameras for training data; 0 keeps the plain look."""

    light: float = 0.35  # relative spread of each light's strength
    colour: float = 0.35  # blend of every colour towards a random one
    camera: float = 0.012  # standard deviation of a camera's position [m]
    aim: float = 0.02  # standard deviation of a camera's direction [rad]
    zoom: float = 0.03  # relative standard deviation of the field of view
    finish: bool = True  # change the materials of table and wall

    def __post_init__(self):
        for name in ('light', 'colour', 'camera', 'aim', 'zoom'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name} is {getattr(self, name)}; it must lie in 0..1')


@dataclass(frozen=True)
class Start:
    """Where one episode begins, in the base frame."""

    board: np.ndarray  # (3,) middle of the board's top [m]
    turn: float  # of the board about z [rad]
    tip: np.ndarray  # (3,) peg tip [m]
    yaw: float  # of the peg about z [rad]


def draw(starts: Starts, rng: np.random.Generator) -> Start:
    """Draw where an episode begins."""
    board = np.array(BOARD) + np.append(rng.uniform(-starts.board, starts.board, 2), 0.0)
    turn = rng.uniform(-starts.turn, starts.turn)
    angle, around = rng.uniform(0.15, 1.0) * starts.cone, rng.uniform(-np.pi, np.pi)
    away = [np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), np.cos(angle)]
    tip = board + rng.uniform(starts.near, starts.far) * np.array(away)
    return Start(board, turn, tip, turn + rng.uniform(-starts.yaw, starts.yaw))


class Wardrobe:
    """Dresses a model anew, always starting from the look it came with."""

    def __init__(self, model: mujoco.MjModel):
        self._model = model
        self._plain = {name: getattr(model, name).copy() for name in self._FIELDS}
        self._finishes = [model.material(name).id for name in FINISHES]

    _FIELDS = (
        'mat_rgba', 'mat_texrepeat', 'light_diffuse', 'light_dir', 'cam_pos', 'cam_quat',
        'cam_fovy', 'geom_matid',
    )  # fmt: skip

    def plain(self) -> None:
        """Back to the look the model came with."""
        for name, value in self._plain.items():
            getattr(self._model, name)[:] = value

    def change(self, looks: Looks, rng: np.random.Generator) -> None:
        """Put on a random look."""
        self.plain()
        model = self._model
        if looks.finish:
            for name in ('table', 'wall'):
                model.geom(name).matid = rng.choice(self._finishes)
        model.mat_texrepeat *= rng.uniform(0.6, 1.6, (model.nmat, 1))
        tint = rng.uniform(0.05, 0.95, (model.nmat, 3))
        blend = rng.uniform(0, looks.colour, (model.nmat, 1))
        model.mat_rgba[:, :3] += blend * (tint - model.mat_rgba[:, :3])
        hole = model.material('hole').id
        model.mat_rgba[hole, :3] = rng.uniform(0.0, 0.12, 3)
        model.light_diffuse *= rng.uniform(1 - looks.light, 1 + looks.light, (model.nlight, 1))
        model.light_dir += rng.normal(0, looks.light / 2, (model.nlight, 3))
        for view in VIEWS:
            self._shake(model.camera(view).id, looks, rng)

    def _shake(self, camera: int, looks: Looks, rng: np.random.Generator) -> None:
        model = self._model
        small = 1.0 if model.camera(camera).name == VIEWS[0] else 0.25  # wrist mounts are stiff
        model.cam_pos[camera] += small * rng.normal(0, looks.camera, 3)
        mujoco.mju_quatIntegrate(
            model.cam_quat[camera], rng.normal(0, looks.aim * max(small, 0.5), 3), 1.0
        )
        model.cam_fovy[camera] *= 1 + rng.normal(0, looks.zoom)
