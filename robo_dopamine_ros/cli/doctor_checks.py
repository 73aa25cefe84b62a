"""The checks of `robo-dopamine doctor`: what each way of installing needs, from `SystemInfo`."""

from collections.abc import Callable, Mapping

from packaging.version import Version

from robo_dopamine_ros.cli.system_info import ABSENT, Finding, InstallMode, Probe, SystemInfo

MIB = 1 << 20  # [bytes]
SEGMENT_NEEDED = 32 * MIB  # [bytes] 0.4 s of three raw 640x480 cameras in one process
SHM_NEEDED = 256 * MIB  # [bytes] the segments of simulator, cameras and a few nodes
DISTRIBUTIONS = ('jazzy', 'humble')
RANGES = ('', 'LOCALHOST', 'SUBNET', 'SYSTEM_DEFAULT')  # of ROS_AUTOMATIC_DISCOVERY_RANGE

Check = Callable[[SystemInfo], Finding]


def _apt(*packages: str) -> str:
    return f'sudo apt-get install -y {" ".join(packages)}'


def _pip(system: SystemInfo, *packages: str) -> str:
    return f'{system.executable} -m pip install {" ".join(packages)}'


def _judge(name: str, ok: bool, good: str, bad: str, mend: str) -> Finding:
    return Finding(name, ok, good if ok else bad, '' if ok else mend)


def _judge_probe(name: str, probe: Probe, mend: str) -> Finding:
    return _judge(name, probe.ok, probe.detail, probe.detail, mend)


def python(system: SystemInfo) -> Finding:
    """CPython 3.10 to 3.12, for which ROS 2 Jazzy and Humble exist."""
    name, ok = '.'.join(map(str, system.python)), (3, 10) <= system.python[:2] <= (3, 12)
    good, bad = f'{name} ({system.executable})', f'{name}; 3.10 to 3.12 are supported'
    return _judge('Python', ok, good, bad, 'make setup PYTHON=python3.11')


def pins(system: SystemInfo) -> Finding:
    """Every package of requirements/ in the pinned version."""
    installed = {name: Version(system.versions.get(name, '0')).public for name in system.pins}
    wrong = [
        f'{name} {system.versions.get(name, "missing")} (wanted {wanted})'
        for name, wanted in system.pins.items()
        if installed[name] != Version(wanted).public
    ]
    more = f' and {len(wrong) - 4} more' if len(wrong) > 4 else ''
    bad = ', '.join(wrong[:4]) + more if system.pins else 'no requirements/ here'
    ok = bool(system.pins) and not wrong
    return _judge('packages', ok, f'all {len(system.pins)} as pinned', bad, 'make setup')


LIBRARIES = (
    'matplotlib', 'numpy', 'onnxruntime', 'opencv-python-headless', 'packaging', 'pin', 'rich',
    'safetensors', 'scipy', 'torch', 'tqdm',
)  # fmt: skip
ALTERNATIVES = {'opencv-python-headless': ('opencv-python', 'opencv', 'opencv-contrib-python')}
MODULES = {'opencv-python-headless': 'cv2', 'pin': 'pinocchio'}  # if a distribution installed it


def libraries(system: SystemInfo) -> Finding:
    """What the Python package imports outside the simulator, in any version."""
    missing = [
        name
        for name in LIBRARIES
        if not any(other in system.versions for other in (name, *ALTERNATIVES.get(name, ())))
        and not (name in MODULES and system.probe(MODULES[name]).ok)
    ]
    good, bad = f'all {len(LIBRARIES)} are there', f'missing: {", ".join(missing)}'
    return _judge('packages', not missing, good, bad, _pip(system, *missing))


def compiler(system: SystemInfo) -> Finding:
    """A C++ compiler, which the interfaces need."""
    return _judge('compiler', 'g++' in system.commands, 'g++', 'no g++ on PATH', _apt('g++'))


def rendering(system: SystemInfo) -> Finding:
    """MuJoCo renders an image without a display."""
    if 'mujoco' not in system.versions:
        mend = _pip(system, "'mujoco>=3.3,<4'", 'gymnasium')
        return Finding('simulator', False, 'mujoco is not installed', mend)
    mend = _apt('libegl1', 'libgl1', 'libgl1-mesa-dri')
    return _judge_probe('simulator', system.probe('rendering'), mend)


def engines(system: SystemInfo) -> Finding:
    """PyTorch and ONNX Runtime load; TensorRT is an option."""
    probes = {name: system.probe(name) for name in ('torch', 'onnxruntime', 'tensorrt')}
    detail = ', '.join(f'{name} {probe.detail}' for name, probe in probes.items())
    failed = [name for name in ('torch', 'onnxruntime') if not probes[name].ok]
    return _judge('engines', not failed, detail, detail, _pip(system, *failed))


def model(system: SystemInfo) -> Finding:
    """The compact reward model that ships with the sources."""
    mend = 'git checkout -- models/grm'
    return _judge('model', bool(system.model), system.model, 'no weights in models/grm', mend)


def interfaces(system: SystemInfo) -> Finding:
    """Our messages, services and actions, built for this interpreter."""
    build = 'colcon build --packages-select robo_dopamine && . install/setup.bash'
    mend = build if system.distribution else 'make setup'
    return _judge_probe('interfaces', system.probe('robo_dopamine'), mend)


def segment(system: SystemInfo) -> Finding:
    """A Fast DDS segment that holds raw images; the default one loses most of them."""
    middleware = system.environment.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    name = 'image transport'
    if 'fastrtps' not in middleware:
        return Finding(name, True, f'{middleware}: the shared-memory profile is Fast DDS only')
    mend = f'export FASTRTPS_DEFAULT_PROFILES_FILE={system.profile}'
    if system.segment is None:
        return Finding(name, False, 'no Fast DDS profile: raw images would be lost', mend)
    good = f'Fast DDS segment of {system.segment / MIB:.0f} MiB'
    bad = f'{good}; {SEGMENT_NEEDED / MIB:.0f} are needed'
    return _judge(name, system.segment >= SEGMENT_NEEDED, good, bad, mend)


def shared_memory(system: SystemInfo) -> Finding:
    """Room in /dev/shm for those segments; containers often have 64 MB."""
    good = f'{system.shm_free / MIB:.0f} MiB free in /dev/shm'
    bad = f'{good}, {SHM_NEEDED / MIB:.0f} needed (a container: start it with --shm-size=1g)'
    mend = 'sudo mount -o remount,size=1G /dev/shm'
    return _judge('shared memory', system.shm_free >= SHM_NEEDED, good, bad, mend)


def discovery(system: SystemInfo) -> Finding:
    """The range of DDS discovery."""
    reach = system.environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    if reach not in RANGES:
        detail = f'ROS_AUTOMATIC_DISCOVERY_RANGE={reach}: nodes would not find one another'
        return Finding('discovery', False, detail, 'unset ROS_AUTOMATIC_DISCOVERY_RANGE')
    domain = system.environment.get('ROS_DOMAIN_ID', '0')
    if system.distribution == 'humble':
        local = system.environment.get('ROS_LOCALHOST_ONLY') == '1'
        reach = 'LOCALHOST' if local else 'SUBNET'
    if not reach:
        reach = 'SUBNET' if system.distribution else 'LOCALHOST (as our commands start nodes)'
    return Finding('discovery', True, f'{reach}, domain {domain}')


def distribution(system: SystemInfo) -> Finding:
    """A ROS 2 distribution that we support is sourced."""
    name = system.distribution
    usable = [found for found in DISTRIBUTIONS if found in system.ros_found]
    if name not in DISTRIBUTIONS and usable:
        mend = f'. /opt/ros/{usable[0]}/setup.bash'
        return Finding('distribution', False, f'{usable[0]} is installed but not sourced', mend)
    bad = f'{name} is not supported' if name else 'none is installed'
    mend = _apt('ros-jazzy-ros-base', 'ros-dev-tools')
    return _judge('distribution', name in DISTRIBUTIONS, name, bad, mend)


def interpreter(system: SystemInfo) -> Finding:
    """A virtual environment must see what rosdep installs into the system."""
    good, bad = "sees the system's packages", 'hides the packages of the system'
    mend = 'python3 -m venv --system-site-packages .venv-ros && . .venv-ros/bin/activate'
    return _judge('environment', not system.isolated, good, bad, mend)


def rclpy(system: SystemInfo) -> Finding:
    """The distribution's client library, not the one from PyPI, loads in this interpreter."""
    if 'ros-rclpy' in system.versions:
        bad = 'this .venv brings its own ROS 2, which clashes'
        return Finding('rclpy', False, bad, 'deactivate')
    mend = f'. /opt/ros/{system.distribution}/setup.bash'
    return _judge_probe('rclpy', system.probe('rclpy'), mend)


def numpy(system: SystemInfo) -> Finding:
    """The distributions' cv_bridge was compiled for NumPy 1."""
    version = system.versions.get('numpy', '')
    bridge = system.probe('cv_bridge') is not ABSENT
    ok = bool(version) and not (bridge and Version(version).major >= 2)
    clash = f'{version}, but cv_bridge of {system.distribution} needs NumPy 1'
    bad = clash if version else 'not installed'
    return _judge('numpy', ok, version, bad, _pip(system, "'numpy<2'"))


def ros_module(module: str, package: str) -> Check:
    """Return the check that a Python module of the distribution loads."""

    def check(system: SystemInfo) -> Finding:
        mend = _apt(f'ros-{system.distribution}-{package}')
        return _judge_probe(module, system.probe(module), mend)

    return check


def command(name: str, mend: str) -> Check:
    """Return the check that a command is on PATH."""

    def check(system: SystemInfo) -> Finding:
        return _judge(name, name in system.commands, 'on PATH', 'not on PATH', mend)

    return check


COLCON = command('colcon', _apt('python3-colcon-common-extensions'))
ROSDEP = command(
    'rosdep', f'{_apt("python3-rosdep")} && sudo rosdep init && rosdep update --rosdistro jazzy'
)
UNSOURCED_CHECKS: tuple[Check, ...] = (distribution, compiler, COLCON, ROSDEP, shared_memory)
CHECKS: Mapping[InstallMode, tuple[Check, ...]] = {
    InstallMode.PLAIN: (
        python, pins, compiler, interfaces, segment, shared_memory, discovery, rendering, engines,
        model,
    ),
    InstallMode.ROS: (
        *UNSOURCED_CHECKS, python, interpreter, rclpy, numpy, ros_module('cv_bridge', 'cv-bridge'),
        ros_module('message_filters', 'message-filters'), ros_module('launch_ros', 'launch-ros'),
        libraries, interfaces, segment, discovery, rendering, engines, model,
    ),
    InstallMode.LIBRARY: (python, libraries, rendering, engines),
}  # fmt: skip


def examine(system: SystemInfo, mode: InstallMode) -> list[Finding]:
    """Run the checks of a mode; without a sourced distribution only those that it allows."""
    unsourced = mode is InstallMode.ROS and not system.distribution
    return [check(system) for check in (UNSOURCED_CHECKS if unsourced else CHECKS[mode])]
