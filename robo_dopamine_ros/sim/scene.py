"""Peg insertion as one MJCF text: a Franka with a square peg, a board with a square hole."""

from dataclasses import dataclass

from robo_dopamine_ros.sim import franka
from robo_dopamine_ros.sim.shapes import look_at, numbers

BOARD = (0.5, 0.0, 0.08)  # middle of the board's top, before randomisation [m]
BOARD_HALF = 0.07  # [m]
LINING = 0.0008  # thickness of the dark lining drawn in the hole [m]
MARK = 0.020  # height of the white mark around the peg: the depth of a success [m]
FINISHES = ('oak', 'tiles', 'speckle', 'plain')  # materials a table or wall may have


@dataclass(frozen=True)
class Workpiece:
    """What is inserted, and how the controller holds it."""

    peg: float = 0.020  # side of the square peg [m]
    clearance: float = 0.002  # hole side minus peg side [m]
    reach: float = 0.045  # peg tip beyond the tool centre point [m]
    thickness: float = 0.04  # depth of the hole [m]
    stiffness: float = 4000.0  # of the Cartesian controller [N/m]
    damping: float = 250.0  # [N s/m]
    force: float = 40.0  # largest force per axis [N]
    timestep: float = 0.002  # of the physics [s]

    def __post_init__(self):
        for name in ('peg', 'clearance', 'reach', 'thickness', 'stiffness', 'damping', 'force'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} is {getattr(self, name)}; it must be above 0')
        if not 0.0005 <= self.timestep <= 0.004:
            raise ValueError(f'timestep is {self.timestep} s; it must lie in 0.0005..0.004 s')
        if not self.hole < 0.06:
            raise ValueError(f'the hole is {self.hole} m wide; the board has room for 0.06 m')

    @property
    def hole(self) -> float:
        """Side of the square hole [m]."""
        return self.peg + self.clearance


def _frame(inner: float, outer: float, low: float, high: float, look: str) -> str:
    """Four boxes around a square, from half width `inner` to `outer`, from z `low` to `high`."""
    middle, half = (inner + outer) / 2, (outer - inner) / 2
    sides: list[tuple[float, ...]] = [(middle, 0, half, outer), (-middle, 0, half, outer)]
    sides += [(0, middle, inner, half), (0, -middle, inner, half)]
    z, height = (low + high) / 2, (high - low) / 2
    return ''.join(
        f'<geom type="box" pos="{numbers((x, y, z))}" size="{numbers((sx, sy, height))}" {look}/>'
        for x, y, sx, sy in sides
    )


def _board(piece: Workpiece) -> str:
    """Four walls around the hole, a dark lining and a white mark to see it by, and a plinth."""
    h, deep = piece.hole / 2, piece.thickness
    parts = (
        _frame(h, BOARD_HALF, -deep, 0, 'class="wall"')
        + _frame(h - LINING, h, -deep, -LINING, 'class="look" material="hole"')
        + _frame(h + 0.003, h + 0.005, -0.0002, 0.0002, 'class="look" material="mark"')
    )
    plinth = (BOARD[2] - deep) / 2
    return (
        f'<body name="board" mocap="true" pos="{numbers(BOARD)}">{parts}'
        f'<geom class="wall" type="box" pos="0 0 {-deep - plinth}" size="0.062 0.062 {plinth}" '
        'material="plinth"/></body>'
    )


def _held(piece: Workpiece) -> str:
    """Peg, tool frames and wrist cameras, all fixed to the hand.

    The tip frame points up, turned on a body of its own: MuJoCo measures the rotation of a turned
    site with the wrong sign, which makes a Cartesian actuator spin the wrist.
    """
    tip = franka.TCP + piece.reach
    long, band = (piece.reach + 0.015) / 2, piece.peg / 2 + 0.0002
    eyes = {'left_wrist': (0.085, 0.075, 0.045), 'right_wrist': (0.085, -0.075, 0.045)}
    cameras = ''.join(
        f'<camera name="{name}" pos="{numbers(eye)}" fovy="56" '
        f'xyaxes="{look_at(eye, (0.012, 0, tip + 0.004), (1, 0, 0))}"/>'
        for name, eye in eyes.items()
    )
    return (
        f'<body name="tcp" pos="0 0 {franka.TCP}"/>'
        f'<body name="peg" pos="0 0 {tip}" quat="0 1 0 0" gravcomp="1">'
        '<site name="tip" size="0.001" rgba="0 0 0 0"/>'
        f'<geom name="peg" class="peg" type="box" size="{piece.peg / 2} {piece.peg / 2} {long}" '
        f'pos="0 0 {long}" mass="0.05"/>'
        f'<geom class="look" type="box" size="{band} {band} 0.001" pos="0 0 {MARK}" mass="0" '
        f'material="mark"/></body>{cameras}'
    )


def _actuators(piece: Workpiece) -> str:
    """A force-limited Cartesian impedance at the peg's tip; ctrl is [xyz, rotation vector]."""
    rows = [(piece.stiffness, piece.damping, piece.force)] * 3 + [(150.0, 10.0, 10.0)] * 3
    return ''.join(
        f'<general site="tip" refsite="base" gear="{numbers(float(i == k) for k in range(6))}" '
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


def mjcf(piece: Workpiece) -> str:
    """The whole model."""
    eye = (1.13, 0.38, 0.46)
    held = _held(piece)
    return f"""<mujoco model="peg_insertion">
<compiler angle="radian" autolimits="true"/>
<option timestep="{piece.timestep}" integrator="implicitfast" cone="elliptic" impratio="5"
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
<asset>{_materials()}{franka.assets()}</asset>
<worldbody>
<light name="key" pos="1.2 0.8 2" dir="-0.5 -0.4 -1" directional="true" castshadow="false"
 diffuse=".55 .55 .53" specular=".25 .25 .25"/>
<light name="fill" pos="0 -1 1.5" dir="0.3 0.8 -1" directional="true" castshadow="false"
 diffuse=".18 .19 .22" specular="0 0 0"/>
<geom name="table" class="wall" type="box" pos="0.35 0 -0.02" size="0.65 0.75 0.02" material="oak"/>
<geom name="wall" class="look" type="box" pos="-0.7 0 0.6" size="0.01 2.5 1.6" material="plain"/>
<camera name="front" pos="{numbers(eye)}" fovy="38"
 xyaxes="{look_at(eye, (0.43, 0, 0.20), (0, 0, 1))}"/>
{_board(piece)}{franka.arm(held)}
</worldbody>
<actuator>{_actuators(piece)}</actuator>
<sensor><force name="force" site="tip"/><torque name="torque" site="tip"/></sensor>
</mujoco>"""
