"""Looks at the machine this runs on; changes nothing. What it finds, cli/checks.py judges."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from robo_dopamine_ros.cli.checks import ABSENT, Machine, Probe
from robo_dopamine_ros.ros import environment as ros_environment

COMMANDS = ('g++', 'colcon', 'rosdep')
ROS_FOLDER = Path('/opt/ros')  # where the distributions' packages install
PROFILE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
PINNED = ('run', 'ros', 'build', 'dev')  # files in requirements/
PATIENCE = 60.0  # [s] for one probe
DRAW = """
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
PROBES = {  # what is tried, each in a process of its own, and prints what a person wants to know
    'rendering': DRAW,
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


def look() -> Machine:
    """Gather the facts; takes a few seconds because the libraries are really loaded."""
    environment = _environment()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda code: probe(code, environment), PROBES.values())
        probes = dict(zip(PROBES, results, strict=True))
    profile = _shared('config/fastdds.xml')
    in_force = environment.get(PROFILE, '')
    return Machine(
        python=sys.version_info[:3],
        executable=sys.executable,
        isolated=_isolated(),
        environment=dict(os.environ),
        commands=frozenset(name for name in COMMANDS if shutil.which(name, path=_path())),
        versions=installed(),
        pins=pins(ros_environment.SOURCES / 'requirements' / f'{name}.txt' for name in PINNED),
        probes=probes,
        ros_found=tuple(sorted(path.parent.name for path in ROS_FOLDER.glob('*/setup.bash'))),
        profile=profile,
        segment=segment_size(Path(in_force)) if in_force else None,
        shm_free=shutil.disk_usage('/dev/shm').free if Path('/dev/shm').exists() else 0,
        model=_model(),
    )


def probe(code: str, environment: Mapping[str, str]) -> Probe:
    """Run some Python in a process of its own, so that even a crash is an answer."""
    try:
        done = subprocess.run(
            [sys.executable, '-c', code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Probe(False, f'did not answer within {PATIENCE:.0f} s')
    if done.returncode == 0:
        return Probe(True, done.stdout.strip())
    last = (done.stderr.strip().splitlines() or [f'ended with {done.returncode}'])[-1]
    module = re.search(r'(?:import|from) (\w+)', code)
    if module and last == f"ModuleNotFoundError: No module named '{module[1]}'":
        return ABSENT
    return Probe(False, last)


def installed() -> dict[str, str]:
    """Version of every Python package, by its name as the registries spell it."""
    found = importlib.metadata.distributions()
    pairs = ((dist.metadata['Name'], dist.version) for dist in found)
    return {_normal(name): version for name, version in pairs if name}


def pins(files: Iterable[Path]) -> dict[str, str]:
    """What requirement files pin for the running Python; they use one kind of marker only."""
    pinned = {}
    for line in (line for file in files if file.exists() for line in file.open()):
        match = re.match(
            r"([\w.-]+)(?:\[\w+\])?==([\w.]+)(?:; python_version ([<>=]+) '3.11')?", line
        )
        if not match:
            continue
        name, version, relation = match.groups()
        modern = sys.version_info >= (3, 11)
        if relation is None or (relation == '>=') == modern:
            pinned[_normal(name)] = version
    return pinned


def segment_size(profile: Path) -> int | None:
    """Shared-memory segment that a Fast DDS profile asks for [bytes]; None when it names none."""
    try:
        tree = ElementTree.parse(profile)
    except (OSError, ElementTree.ParseError):
        return None
    sizes = [node.text for node in tree.iter() if node.tag.endswith('segment_size')]
    return int(sizes[0]) if sizes and sizes[0] and sizes[0].isdigit() else None


def _normal(name: str) -> str:
    return re.sub(r'[-_.]+', '-', name).lower()


def _environment() -> dict[str, str]:
    """What our processes are started with; a sourced distribution stays as it is."""
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
        return str(ros_environment.shared(name))
    except ros_environment.NotBuiltError:
        return ''


def _model() -> str:
    folder = _shared('models/grm')
    return folder if folder and any(Path(folder).rglob('*.safetensors')) else ''
