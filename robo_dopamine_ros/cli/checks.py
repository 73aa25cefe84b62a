"""What each of the three ways to run needs, judged from facts that cli/machine.py gathers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

MIB = 1 << 20  # [bytes]
SEGMENT_NEEDED = 32 * MIB  # [bytes] 0.4 s of three raw 640x480 cameras in one process
SHM_NEEDED = 256 * MIB  # [bytes] the segments of simulator, cameras and a few nodes
DISTRIBUTIONS = ('jazzy', 'humble')
RANGES = ('', 'LOCALHOST', 'SUBNET', 'SYSTEM_DEFAULT')  # of ROS_AUTOMATIC_DISCOVERY_RANGE


class Way(Enum):
    """The three ways to run."""

    PLAIN = 'plain'
    ROS = 'ros'
    LIBRARY = 'library'

    @property
    def title(self) -> str:
        """How a person calls it."""
        return {
            Way.PLAIN: 'Plain Linux machine, ROS 2 from .venv',
            Way.ROS: 'ROS 2 machine',
            Way.LIBRARY: 'Your own robot code, without ROS',
        }[self]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str  # what is there, or what is wrong
    mend: str = ''  # one command, empty when nothing needs mending


@dataclass(frozen=True)
class Probe:
    """What came of trying something in a process of its own."""

    ok: bool
    detail: str  # a version or the like; the last line of the error when it failed


ABSENT = Probe(False, 'not installed')


@dataclass(frozen=True)
class Machine:
    """The facts that the checks judge."""

    python: tuple[int, int, int] = (3, 11, 0)
    executable: str = 'python3'
    isolated: bool = False  # in a virtual environment that does not see the system's packages
    environment: Mapping[str, str] = field(default_factory=dict)
    commands: frozenset[str] = frozenset()  # those of interest that are on PATH
    versions: Mapping[str, str] = field(default_factory=dict)  # installed packages, lower case
    pins: Mapping[str, str] = field(default_factory=dict)  # what requirements/ asks of this Python
    probes: Mapping[str, Probe] = field(default_factory=dict)  # module name or 'rendering'
    ros_found: tuple[str, ...] = ()  # distributions that could be sourced
    profile: str = ''  # the Fast DDS profile that ships with this package
    segment: int | None = None  # [bytes] shared-memory segment of the profile in force
    shm_free: int = 0  # [bytes]
    model: str = ''  # folder of the shipped reward model, empty when absent

    @property
    def distribution(self) -> str:
        """The sourced ROS 2 distribution, empty without one."""
        return self.environment.get('ROS_DISTRO', '')

    @property
    def way(self) -> Way:
        """How this interpreter runs: a sourced distribution decides, then ROS 2 in .venv."""
        if self.distribution:
            return Way.ROS
        return Way.PLAIN if 'ros-rclpy' in self.versions else Way.LIBRARY

    def probe(self, name: str) -> Probe:
        """What came of trying `name`; absent when nobody tried."""
        return self.probes.get(name, ABSENT)


Check = Callable[[Machine], Finding]


def _apt(*packages: str) -> str:
    return f'sudo apt-get install -y {" ".join(packages)}'


def _pip(machine: Machine, *packages: str) -> str:
    return f'{machine.executable} -m pip install {" ".join(packages)}'


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split('+')[0].split('.')[:3] if part.isdigit())


def python(machine: Machine) -> Finding:
    """CPython 3.10 to 3.12, for which ROS 2 Jazzy and Humble exist."""
    name = '.'.join(map(str, machine.python))
    if (3, 10) <= machine.python[:2] <= (3, 12):
        return Finding('Python', True, f'{name} ({machine.executable})')
    mend = 'make setup PYTHON=python3.11'
    return Finding('Python', False, f'{name}; 3.10 to 3.12 are supported', mend)


def pins(machine: Machine) -> Finding:
    """Every package of requirements/ in the version asked for."""
    wrong = [
        f'{name} {machine.versions.get(name, "missing")} (wanted {wanted})'
        for name, wanted in machine.pins.items()
        if machine.versions.get(name, '').split('+')[0] != wanted
    ]
    if wrong or not machine.pins:
        detail = ', '.join(wrong[:4]) + (f' and {len(wrong) - 4} more' if len(wrong) > 4 else '')
        return Finding('packages', False, detail or 'no requirements/ here', 'make setup')
    return Finding('packages', True, f'all {len(machine.pins)} as pinned')


LIBRARIES = (
    'matplotlib', 'numpy', 'onnxruntime', 'opencv-python-headless', 'pin', 'safetensors',
    'scipy', 'torch', 'tqdm',
)  # fmt: skip
SAME = {'opencv-python-headless': ('opencv-python', 'opencv', 'opencv-contrib-python')}
ELSEWHERE = {'opencv-python-headless': 'cv2', 'pin': 'pinocchio'}  # what a distribution installs


def libraries(machine: Machine) -> Finding:
    """What the Python package imports outside the simulator, in any version."""
    missing = [
        name
        for name in LIBRARIES
        if not any(other in machine.versions for other in (name, *SAME.get(name, ())))
        and not (name in ELSEWHERE and machine.probe(ELSEWHERE[name]).ok)
    ]
    if missing:
        mend = _pip(machine, *missing)
        return Finding('packages', False, f'missing: {", ".join(missing)}', mend)
    return Finding('packages', True, f'all {len(LIBRARIES)} are there')


def compiler(machine: Machine) -> Finding:
    """A C++ compiler, which the interfaces need."""
    if 'g++' in machine.commands:
        return Finding('compiler', True, 'g++')
    return Finding('compiler', False, 'no g++ on PATH', _apt('g++'))


def rendering(machine: Machine) -> Finding:
    """MuJoCo draws a picture without a screen."""
    if 'mujoco' not in machine.versions:
        mend = _pip(machine, "'mujoco>=3.3,<4'", 'gymnasium')
        return Finding('simulator', False, 'mujoco is not installed', mend)
    probe = machine.probe('rendering')
    mend = '' if probe.ok else _apt('libegl1', 'libgl1', 'libgl1-mesa-dri')
    return Finding('simulator', probe.ok, probe.detail, mend)


def engines(machine: Machine) -> Finding:
    """PyTorch and ONNX Runtime load; TensorRT is an option."""
    probes = {name: machine.probe(name) for name in ('torch', 'onnxruntime', 'tensorrt')}
    detail = ', '.join(f'{name} {probe.detail}' for name, probe in probes.items())
    failed = [name for name in ('torch', 'onnxruntime') if not probes[name].ok]
    return Finding('engines', not failed, detail, _pip(machine, *failed) if failed else '')


def model(machine: Machine) -> Finding:
    """The small reward model that ships with the sources."""
    if machine.model:
        return Finding('model', True, machine.model)
    mend = 'git checkout -- models/grm'
    return Finding('model', False, 'no weights in models/grm', mend)


def interfaces(machine: Machine) -> Finding:
    """Our messages, services and actions, built for this interpreter."""
    probe = machine.probe('robo_dopamine')
    build = 'colcon build --packages-select robo_dopamine && . install/setup.bash'
    mend = '' if probe.ok else build if machine.distribution else 'make setup'
    return Finding('interfaces', probe.ok, probe.detail, mend)


def segment(machine: Machine) -> Finding:
    """Fast DDS has room for raw images in shared memory; its default loses most of them."""
    middleware = machine.environment.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    name = 'image transport'
    if 'fastrtps' not in middleware:
        return Finding(name, True, f'{middleware}: the shared-memory profile is Fast DDS only')
    mend = f'export FASTRTPS_DEFAULT_PROFILES_FILE={machine.profile}'
    if machine.segment is None:
        return Finding(name, False, 'no Fast DDS profile: raw images would be lost', mend)
    detail = f'Fast DDS segment of {machine.segment / MIB:.0f} MiB'
    if machine.segment >= SEGMENT_NEEDED:
        return Finding(name, True, detail)
    return Finding(name, False, f'{detail}; {SEGMENT_NEEDED / MIB:.0f} are needed', mend)


def shared_memory(machine: Machine) -> Finding:
    """Room in /dev/shm for those segments; containers often have 64 MB."""
    detail = f'{machine.shm_free / MIB:.0f} MiB free in /dev/shm'
    if machine.shm_free >= SHM_NEEDED:
        return Finding('shared memory', True, detail)
    mend = 'sudo mount -o remount,size=1G /dev/shm'
    detail += f', {SHM_NEEDED / MIB:.0f} needed (a container: start it with --shm-size=1g)'
    return Finding('shared memory', False, detail, mend)


def discovery(machine: Machine) -> Finding:
    """How far nodes look for one another."""
    reach = machine.environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    if reach not in RANGES:
        detail = f'ROS_AUTOMATIC_DISCOVERY_RANGE={reach}: nodes would not find one another'
        return Finding('discovery', False, detail, 'unset ROS_AUTOMATIC_DISCOVERY_RANGE')
    domain = machine.environment.get('ROS_DOMAIN_ID', '0')
    if machine.distribution == 'humble':
        local = machine.environment.get('ROS_LOCALHOST_ONLY') == '1'
        reach = 'LOCALHOST' if local else 'SUBNET'
    if not reach:
        reach = 'SUBNET' if machine.distribution else 'LOCALHOST (as our commands start nodes)'
    return Finding('discovery', True, f'{reach}, domain {domain}')


def distribution(machine: Machine) -> Finding:
    """A ROS 2 distribution that we support is sourced."""
    name = machine.distribution
    if name in DISTRIBUTIONS:
        return Finding('distribution', True, name)
    usable = [found for found in DISTRIBUTIONS if found in machine.ros_found]
    if usable:
        mend = f'. /opt/ros/{usable[0]}/setup.bash'
        return Finding('distribution', False, f'{usable[0]} is installed but not sourced', mend)
    detail = f'{name} is not supported' if name else 'none is installed'
    return Finding('distribution', False, detail, _apt('ros-jazzy-ros-base', 'ros-dev-tools'))


def interpreter(machine: Machine) -> Finding:
    """A virtual environment must see what rosdep installs into the system."""
    if machine.isolated:
        mend = 'python3 -m venv --system-site-packages .venv-ros && . .venv-ros/bin/activate'
        return Finding('environment', False, 'hides the packages of the system', mend)
    return Finding('environment', True, "sees the system's packages")


def rclpy(machine: Machine) -> Finding:
    """The distribution's client library, not the one from PyPI, loads in this interpreter."""
    if 'ros-rclpy' in machine.versions:
        mend = 'deactivate'
        return Finding('rclpy', False, 'this .venv brings its own ROS 2, which clashes', mend)
    probe = machine.probe('rclpy')
    mend = '' if probe.ok else f'. /opt/ros/{machine.distribution}/setup.bash'
    return Finding('rclpy', probe.ok, probe.detail, mend)


def numpy(machine: Machine) -> Finding:
    """The distributions' cv_bridge was compiled for NumPy 1."""
    version = machine.versions.get('numpy', '')
    if not version:
        return Finding('numpy', False, 'not installed', _pip(machine, "'numpy<2'"))
    if machine.probe('cv_bridge') is not ABSENT and _version(version) >= (2,):
        detail = f'{version}, but cv_bridge of {machine.distribution} needs NumPy 1'
        return Finding('numpy', False, detail, _pip(machine, "'numpy<2'"))
    return Finding('numpy', True, version)


def ros_module(module: str, package: str) -> Check:
    """Build the check that a Python module of the distribution loads."""

    def check(machine: Machine) -> Finding:
        probe = machine.probe(module)
        mend = '' if probe.ok else _apt(f'ros-{machine.distribution}-{package}')
        return Finding(module, probe.ok, probe.detail, mend)

    return check


def command(name: str, mend: str) -> Check:
    """Build the check that a command is on PATH."""

    def check(machine: Machine) -> Finding:
        there = name in machine.commands
        return Finding(name, there, 'on PATH' if there else 'not on PATH', '' if there else mend)

    return check


COLCON = command('colcon', _apt('python3-colcon-common-extensions'))
ROSDEP = command(
    'rosdep', f'{_apt("python3-rosdep")} && sudo rosdep init && rosdep update --rosdistro jazzy'
)
UNSOURCED: tuple[Check, ...] = (distribution, compiler, COLCON, ROSDEP, shared_memory)
NEEDS: Mapping[Way, tuple[Check, ...]] = {
    Way.PLAIN: (
        python, pins, compiler, interfaces, segment, shared_memory, discovery, rendering, engines,
        model,
    ),
    Way.ROS: (
        *UNSOURCED, python, interpreter, rclpy, numpy, ros_module('cv_bridge', 'cv-bridge'),
        ros_module('message_filters', 'message-filters'), ros_module('launch_ros', 'launch-ros'),
        libraries, interfaces, segment, discovery, rendering, engines, model,
    ),
    Way.LIBRARY: (python, libraries, rendering, engines),
}  # fmt: skip


def examine(machine: Machine, way: Way) -> list[Finding]:
    """Judge everything one way needs; without a sourced distribution much cannot be told yet."""
    unsourced = way is Way.ROS and not machine.distribution
    return [check(machine) for check in (UNSOURCED if unsourced else NEEDS[way])]
