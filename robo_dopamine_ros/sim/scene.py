"""MJCF model of peg insertion: a Franka with a square peg, a board with a square hole."""

from dataclasses import dataclass

import mujoco
import numpy as np

from robo_dopamine_ros.sim import franka
from robo_dopamine_ros.sim.franka import format_numbers, look_at

BOARD_POSITION = (0.5, 0.0, 0.08)  # middle of the board's top, before randomisation [m]
BOARD_HALF_WIDTH = 0.07  # [m]
LINING = 0.0008  # thickness of the dark lining drawn in the hole [m]
DEPTH_MARK_HEIGHT = 0.020  # of the white mark around the peg; the depth of a success [m]
SURFACE_MATERIALS = ('oak', 'tiles', 'speckle', 'plain')  # of table and wall


@dataclass(frozen=True)
class Workpiece:
    """Sizes of peg and hole, and the gains of the Cartesian controller that holds the peg."""

    peg_width: float = 0.020  # side of the square peg [m]
    clearance: float = 0.002  # hole side minus peg side [m]
    tip_offset: float = 0.045  # peg tip beyond the tool centre point [m]
    thickness: float = 0.04  # depth of the hole [m]
    stiffness: float = 4000.0  # of the Cartesian controller [N/m]
    damping: float = 250.0  # [N s/m]
    max_force: float = 40.0  # maximum force per axis [N]
    timestep: float = 0.002  # of the physics [s]

    def __post_init__(self):
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f'{name} is {value}; it must be above 0')
        if not 0.0005 <= self.timestep <= 0.004:
            raise ValueError(f'timestep is {self.timestep} s; it must lie in 0.0005..0.004 s')
        if not self.hole_width < 0.06:
            raise ValueError(f'the hole is {self.hole_width} m wide; the board has room for 0.06 m')

    @property
    def hole_width(self) -> float:
        """Side of the square hole [m]."""
        return self.peg_width + self.clearance


def _frame(inner: float, outer: float, low: float, high: float, attributes: str) -> str:
    """Four boxes around a square, from half width `inner` to `outer`, from z `low` to `high`."""
    middle, half = (inner + outer) / 2, (outer - inner) / 2
    sides: list[tuple[float, ...]] = [(middle, 0, half, outer), (-middle, 0, half, outer)]
    sides += [(0, middle, inner, half), (0, -middle, inner, half)]
    z, height = (low + high) / 2, (high - low) / 2
    return ''.join(
        f'<geom type="box" pos="{format_numbers((x, y, z))}" '
        f'size="{format_numbers((sx, sy, height))}" {attributes}/>'
        for x, y, sx, sy in sides
    )


def _board(workpiece: Workpiece) -> str:
    """Four walls around the hole, its dark lining and white mark, and a plinth."""
    h, deep = workpiece.hole_width / 2, workpiece.thickness
    parts = (
        _frame(h, BOARD_HALF_WIDTH, -deep, 0, 'class="wall"')
        + _frame(h - LINING, h, -deep, -LINING, 'class="look" material="hole"')
        + _frame(h + 0.003, h + 0.005, -0.0002, 0.0002, 'class="look" material="mark"')
    )
    plinth = (BOARD_POSITION[2] - deep) / 2
    return (
        f'<body name="board" mocap="true" pos="{format_numbers(BOARD_POSITION)}">{parts}'
        f'<geom class="wall" type="box" pos="0 0 {-deep - plinth}" size="0.062 0.062 {plinth}" '
        'material="plinth"/></body>'
    )


def _tool(workpiece: Workpiece) -> str:
    """Peg, tool frames and wrist cameras, all fixed to the hand.

    The upward tip frame is a body of its own: MuJoCo measures the rotation of a rotated site with
    the wrong sign, which makes a Cartesian actuator spin the wrist.
    """
    tip, side = franka.TCP_OFFSET + workpiece.tip_offset, workpiece.peg_width / 2
    long, band = (workpiece.tip_offset + 0.015) / 2, side + 0.0002
    eyes = {'left_wrist': (0.085, 0.075, 0.045), 'right_wrist': (0.085, -0.075, 0.045)}
    cameras = ''.join(
        f'<camera name="{name}" pos="{format_numbers(eye)}" fovy="56" '
        f'xyaxes="{look_at(eye, (0.012, 0, tip + 0.004), (1, 0, 0))}"/>'
        for name, eye in eyes.items()
    )
    return (
        f'<body name="tcp" pos="0 0 {franka.TCP_OFFSET}"/>'
        f'<body name="peg" pos="0 0 {tip}" quat="0 1 0 0" gravcomp="1">'
        '<site name="tip" size="0.001" rgba="0 0 0 0"/>'
        f'<geom name="peg" class="peg" type="box" size="{side} {side} {long}" '
        f'pos="0 0 {long}" mass="0.05"/>'
        f'<geom class="look" type="box" size="{band} {band} 0.001" '
        f'pos="0 0 {DEPTH_MARK_HEIGHT}" mass="0" material="mark"/></body>{cameras}'
    )


def _actuators(workpiece: Workpiece) -> str:
    """Cartesian impedance control of the tip with limited force; ctrl is [xyz, rotation vector]."""
    linear = (workpiece.stiffness, workpiece.damping, workpiece.max_force)
    rows = [linear] * 3 + [(150.0, 10.0, 10.0)] * 3
    return ''.join(
        '<general site="tip" refsite="base" '
        f'gear="{format_numbers(float(i == k) for k in range(6))}" '
        f'gainprm="{gain}" biastype="affine" biasprm="0 {-gain} {-rate}" '
        f'forcerange="{-top} {top}"/>'
        for i, (gain, rate, top) in enumerate(rows)
    )


def _materials() -> str:
    plain = {
        'shell': '.93 .94 .95', 'joint': '.22 .23 .25', 'board': '.16 .42 .72',
        'plinth': '.13 .13 .15', 'hole': '.03 .03 .035', 'mark': '.9 .92 .95',
        'peg': '.92 .36 .10', 'plain': '.7 .7 .68',
    }  # fmt: skip
    textures = {
        'oak': 'builtin="flat" rgb1=".66 .52 .37"',
        'tiles': 'builtin="checker" rgb1=".80 .80 .78" rgb2=".66 .66 .66"',
        'speckle': 'builtin="flat" rgb1=".68 .68 .70" mark="random" '
        'markrgb=".35 .35 .38" random=".12"',
    }
    return (
        '<texture type="skybox" builtin="gradient" rgb1=".86 .89 .93" rgb2=".55 .60 .66" '
        'width="64" height="64"/>'
        + ''.join(
            f'<texture name="{name}" type="2d" width="256" height="256" {look}/>'
            f'<material name="{name}" texture="{name}" texrepeat="3 3" texuniform="true"/>'
            for name, look in textures.items()
        )
        + ''.join(
            f'<material name="{name}" rgba="{rgb} 1" specular=".35" shininess=".5"/>'
            for name, rgb in plain.items()
        )
    )


def make_mjcf(workpiece: Workpiece) -> str:
    """Return the whole MJCF model."""
    eye = (1.13, 0.38, 0.46)
    return f"""<mujoco model="peg_insertion">
<compiler angle="radian" autolimits="true"/>
<option timestep="{workpiece.timestep}" integrator="implicitfast" cone="elliptic" impratio="5"
 iterations="30" ls_iterations="20"/>
<visual><headlight diffuse=".35 .35 .35" ambient=".38 .38 .38" specular=".1 .1 .1"/>
<map znear="0.005" zfar="20"/>
<quality shadowsize="0" numslices="16" numstacks="8" numquads="1"/></visual>
<statistic extent="1" center="0.4 0 0.2"/>
<default><joint armature="0.1" damping="2" axis="0 0 1"/><geom contype="0" conaffinity="0"/>
<default class="shell"><geom group="2" mass="0"/></default>
<default class="look"><geom group="2"/></default>
<default class="wall"><geom contype="1" conaffinity="2" friction="0.4" solref="0.008 1"
 material="board"/></default>
<default class="peg"><geom contype="2" conaffinity="1" friction="0.4" solref="0.008 1"
 material="peg"/></default></default>
<asset>{_materials()}{franka.mesh_assets()}</asset>
<worldbody>
<light name="key" pos="1.2 0.8 2" dir="-0.5 -0.4 -1" directional="true" castshadow="false"
 diffuse=".55 .55 .53" specular=".25 .25 .25"/>
<light name="fill" pos="0 -1 1.5" dir="0.3 0.8 -1" directional="true" castshadow="false"
 diffuse=".18 .19 .22" specular="0 0 0"/>
<geom name="table" class="wall" type="box" pos="0.35 0 -0.02" size="0.65 0.75 0.02" material="oak"/>
<geom name="wall" class="look" type="box" pos="-0.7 0 0.6" size="0.01 2.5 1.6" material="plain"/>
<camera name="front" pos="{format_numbers(eye)}" fovy="38"
 xyaxes="{look_at(eye, (0.43, 0, 0.20), (0, 0, 1))}"/>
{_board(workpiece)}{franka.arm_mjcf(_tool(workpiece))}
</worldbody>
<actuator>{_actuators(workpiece)}</actuator>
<sensor><force name="force" site="tip"/><torque name="torque" site="tip"/></sensor>
</mujoco>"""


def plank_texture(size: int, rng: np.random.Generator, count: int = 4) -> np.ndarray:
    """Texture (size, size, 3) uint8 RGB of wooden planks, periodic along their length."""
    across, along = np.meshgrid(np.arange(size), np.linspace(0, 2 * np.pi, size), indexing='ij')
    plank = across * count // size
    tint, phase = rng.normal(0, 0.05, count)[plank], rng.uniform(0, 2 * np.pi, count)[plank]
    wave = across * 0.55 + 2.0 * np.sin(along + phase) + np.sin(3 * along + 2 * phase)
    grain = 0.035 * np.sin(wave) + 0.02 * np.sin(2.7 * wave + 1) + rng.normal(0, 0.012, along.shape)
    seam = 0.75 * ((across * count) % size < count)
    shade = (1 + tint + grain) * (1 - 0.4 * seam)
    return np.clip(shade[..., None] * (186, 148, 106), 0, 255).astype(np.uint8)


def set_texture(model: mujoco.MjModel, name: str, image: np.ndarray) -> None:
    """Replace the pixels of the texture `name`; to be called before the first rendering."""
    texture = model.texture(name).id
    shape = (model.tex_height[texture], model.tex_width[texture], model.tex_nchannel[texture])
    if image.shape != shape:
        raise ValueError(f'texture {name} holds {shape}, the image is {image.shape}')
    start = model.tex_adr[texture]
    model.tex_data[start : start + image.size] = image.ravel()
