"""Facts about this machine that the checks of the doctor need; gathering them changes nothing."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from xml.etree import ElementTree

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from robo_dopamine_ros.ros import environment as ros_environment

COMMANDS = ('g++', 'colcon', 'rosdep')
ROS_DIR = Path('/opt/ros')  # where the distributions' packages install
PROFILE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
PINNED = ('run', 'ros', 'build', 'dev')  # files in requirements/
PROBE_TIMEOUT = 60.0  # [s] for one probe
RENDER_PROBE = """
import os
import robo_dopamine_ros.sim
import mujoco
scene = '<mujoco><worldbody><light pos="0 0 2"/><geom size=".1"/></worldbody></mujoco>'
model = mujoco.MjModel.from_xml_string(scene)
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 32, 32) as renderer:
    renderer.update_scene(data)
    assert renderer.render().any(), 'the picture is black'
print('MuJoCo', mujoco.__version__, 'draws with', os.environ['MUJOCO_GL'])
"""
PROBES = {  # code by name, each run in a process of its own; it prints a version or the like
    'rendering': RENDER_PROBE,
    'torch': 'import torch as t; print(t.__version__, "with CUDA" * t.cuda.is_available())',
    'onnxruntime': 'import onnxruntime as o; print(o.__version__)',
    'tensorrt': 'import tensorrt as t; print(t.__version__)',
    'cv2': 'import cv2; print(cv2.__version__)',
    'pinocchio': 'import pinocchio; print(pinocchio.__version__)',
    'rclpy': 'import rclpy; print(rclpy.__file__)',
    'robo_dopamine': 'from robo_dopamine.msg import Progress; Progress(); print("built")',
    'cv_bridge': 'import cv_bridge; cv_bridge.CvBridge(); print("loads")',
    'message_filters': 'import message_filters; print("loads")',
    'launch_ros': 'import launch_ros; print("loads")',
}


class InstallMode(Enum):
    """The three ways of installing, see docs/install.md."""

    PLAIN = 'plain'
    ROS = 'ros'
    LIBRARY = 'library'

    @property
    def title(self) -> str:
        """Description for a person."""
        return {
            InstallMode.PLAIN: 'Plain Linux machine, ROS 2 from .venv',
            InstallMode.ROS: 'ROS 2 machine',
            InstallMode.LIBRARY: 'Your own robot code, without ROS',
        }[self]


@dataclass(frozen=True)
class Finding:
    """Result of one check."""

    name: str
    ok: bool
    detail: str  # what is there, or what is wrong
    mend: str = ''  # the command that mends it; empty if ok


@dataclass(frozen=True)
class Probe:
    """Result of code that was run in a process of its own."""

    ok: bool
    detail: str  # a version or the like; the last line of the error when it failed


ABSENT = Probe(False, 'not installed')


@dataclass(frozen=True)
class SystemInfo:
    """Facts about a machine."""

    python: tuple[int, int, int] = (3, 11, 0)
    executable: str = 'python3'
    isolated: bool = False  # in a virtual environment that does not see the system's packages
    environment: Mapping[str, str] = field(default_factory=dict)
    commands: frozenset[str] = frozenset()  # those of COMMANDS on PATH
    versions: Mapping[str, str] = field(default_factory=dict)  # installed, by canonical name
    pins: Mapping[str, str] = field(default_factory=dict)  # in requirements/, likewise
    probes: Mapping[str, Probe] = field(default_factory=dict)  # by key of PROBES
    ros_found: tuple[str, ...] = ()  # installed distributions
    profile: str = ''  # path of the shipped Fast DDS profile
    segment: int | None = None  # [bytes] shared-memory segment of the profile in force
    shm_free: int = 0  # [bytes]
    model: str = ''  # folder of the shipped reward model; empty: absent

    @property
    def distribution(self) -> str:
        """The sourced ROS 2 distribution; empty: none."""
        return self.environment.get('ROS_DISTRO', '')

    @property
    def mode(self) -> InstallMode:
        """Mode of this interpreter: ROS if a distribution is sourced, PLAIN with ROS in .venv."""
        if self.distribution:
            return InstallMode.ROS
        return InstallMode.PLAIN if 'ros-rclpy' in self.versions else InstallMode.LIBRARY

    def probe(self, name: str) -> Probe:
        """Return the result of a probe; ABSENT if it was not run."""
        return self.probes.get(name, ABSENT)


def probe_system() -> SystemInfo:
    """Gather the facts; takes a few seconds, because the libraries are loaded."""
    environment = _environment()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda code: probe(code, environment), PROBES.values())
        probes = dict(zip(PROBES, results, strict=True))
    profile = _shared('config/fastdds.xml')
    in_force = environment.get(PROFILE, '')
    return SystemInfo(
        python=sys.version_info[:3],
        executable=sys.executable,
        isolated=_isolated(),
        environment=dict(os.environ),
        commands=frozenset(name for name in COMMANDS if shutil.which(name, path=_path())),
        versions=installed(),
        pins=pins(ros_environment.SOURCE_DIR / 'requirements' / f'{name}.txt' for name in PINNED),
        probes=probes,
        ros_found=tuple(sorted(path.parent.name for path in ROS_DIR.glob('*/setup.bash'))),
        profile=profile,
        segment=segment_size(Path(in_force)) if in_force else None,
        shm_free=shutil.disk_usage('/dev/shm').free if Path('/dev/shm').exists() else 0,
        model=_model(),
    )


def probe(code: str, environment: Mapping[str, str]) -> Probe:
    """Run Python code in a process of its own, so that a crash is a result as well."""
    try:
        done = subprocess.run(
            [sys.executable, '-c', code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Probe(False, f'did not answer within {PROBE_TIMEOUT:.0f} s')
    if done.returncode == 0:
        return Probe(True, done.stdout.strip())
    last = (done.stderr.strip().splitlines() or [f'ended with {done.returncode}'])[-1]
    module = re.search(r'(?:import|from) (\w+)', code)
    if module and last == f"ModuleNotFoundError: No module named '{module[1]}'":
        return ABSENT
    return Probe(False, last)


def installed() -> dict[str, str]:
    """Return the version of every installed Python package by canonical name."""
    found = importlib.metadata.distributions()
    pairs = ((dist.metadata['Name'], dist.version) for dist in found)
    return {canonicalize_name(name): version for name, version in pairs if name}


def pins(files: Iterable[Path]) -> dict[str, str]:
    """Return the versions that requirement files pin for the running Python, by canonical name."""
    pinned: dict[str, str] = {}
    texts = (file.read_text(encoding='utf-8') for file in files if file.exists())
    for line in (line for text in texts for line in text.splitlines()):
        try:
            requirement = Requirement(line.partition('#')[0].strip())
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate():
            for specifier in requirement.specifier:
                if specifier.operator == '==':
                    pinned[canonicalize_name(requirement.name)] = specifier.version
    return pinned


def segment_size(profile: Path) -> int | None:
    """Return the shared-memory segment size of a Fast DDS profile [bytes]; None without one."""
    try:
        tree = ElementTree.parse(profile)
    except (OSError, ElementTree.ParseError):
        return None
    sizes = [node.text for node in tree.iter() if node.tag.endswith('segment_size')]
    return int(sizes[0]) if sizes and sizes[0] and sizes[0].isdigit() else None


def _environment() -> dict[str, str]:
    """Return the environment of the probes: that of our nodes, or of a sourced distribution."""
    if 'ROS_DISTRO' in os.environ:
        return dict(os.environ)
    try:
        return ros_environment.process_environment()
    except ros_environment.NotBuiltError:
        return dict(os.environ)


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', os.defpath)])


def _isolated() -> bool:
    config = Path(sys.prefix, 'pyvenv.cfg')
    return config.exists() and 'include-system-site-packages = true' not in config.read_text()


def _shared(name: str) -> str:
    try:
        return str(ros_environment.shared_path(name))
    except ros_environment.NotBuiltError:
        return ''


def _model() -> str:
    folder = _shared('models/grm')
    return folder if folder and any(Path(folder).rglob('*.safetensors')) else ''
