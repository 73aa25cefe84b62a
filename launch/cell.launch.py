"""Any cell, and its cameras; every other launch file here includes this one.

The list of processes comes from `robo-dopamine up --dry-run`, so that both start the same; run as a
program, because launch may run under another Python than the nodes.
"""

import json
import shlex
import subprocess
from pathlib import Path

from ament_index_python.packages import get_package_prefix
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from robo_dopamine_ros.ros.shared_memory import remove_stale
from robo_dopamine_ros.ros.vendor_packages import require_packages
from robo_dopamine_ros.types import VIEWS

PROFILE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
ARGUMENTS = {  # name: default, description
    'config': ('sim', 'parameter file of the cell, or the name of one in config/'),
    'namespace': ('', 'of all nodes and relative topics; every robot can have its own'),
    'model': ('', 'folder of the reward model; empty: the shipped one'),
    'views': ('', "camera views of the reward node, as 'front left_wrist'; empty: as in config"),
    'task': ('', 'instruction of episodes that are started without one'),
    'run': ('', 'folder of a run of `robo-dopamine train`, for cells that learn'),
    'without': ('', "nodes of the cell that are started elsewhere, as 'teleop'"),
    'set': ('', "parameters that win over config, as 'gate.limits.speed=0.1 reward.rate=5'"),
    'cameras': ('topics', 'source of the views: topics of others, or drivers started here'),
    **{
        view: ('', f'source of the {view} view: topic, serial number (realsense), device (usb_cam)')
        for view in VIEWS
    },
}


def generate_launch_description():
    """Return the arguments, the environment of drivers and nodes, and these."""
    profile = str(Path(__file__).resolve().parents[1] / 'config' / 'fastdds.xml')
    choices = {'cameras': list(CAMERAS)}
    arguments = [
        DeclareLaunchArgument(
            name, default_value=value, description=text, choices=choices.get(name)
        )
        for name, (value, text) in ARGUMENTS.items()
    ]
    return LaunchDescription(
        [
            *arguments,
            SetEnvironmentVariable(PROFILE, EnvironmentVariable(PROFILE, default_value=profile)),
            OpaqueFunction(function=start),
        ]
    )


def start(context):
    """Start the requested camera drivers and the nodes."""
    given = {name: context.launch_configurations[name] for name in ARGUMENTS}
    remove_stale()  # segments of killed processes would fill the memory
    sources = {view: given[view] for view in VIEWS if given[view]}
    drivers, topics = CAMERAS[given['cameras']](given['namespace'], sources)
    return [*drivers, *(node(process, topics) for process in processes(given))]


def processes(given):
    """Return the processes of the cell; errors of the command are raised as they are."""
    program = Path(get_package_prefix('robo_dopamine'), 'lib', 'robo_dopamine', 'robo-dopamine')
    words = [str(program), 'up', given['config'], '--dry-run']
    for option in ('namespace', 'model', 'task', 'run'):
        words += [f'--{option}', given[option]] if given[option] else []
    words += ['--views', *given['views'].split()] if given['views'] else []
    for option in ('without', 'set'):
        words += [word for text in shlex.split(given[option]) for word in (f'--{option}', text)]
    asked = subprocess.run(words, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise RuntimeError(asked.stderr.strip())
    return json.loads(asked.stdout)


def node(process, topics):
    """Return the launch action of one node, with its views remapped to `topics`."""
    remaps = []
    for view, topic in topics.items():
        remaps += ['-r', f'{view}/image_raw:={topic}']
        remaps += ['-r', f'{view}/image_raw/compressed:={topic}/compressed']
    return Node(
        package='robo_dopamine',
        executable=process['executable'],
        arguments=['--ros-args', *remaps, *process['arguments']],  # the first match counts
        output='both',
        respawn=process['respawn'],
        respawn_delay=1.0,
        on_exit=None if process['respawn'] else end,
    )


def end(event, context):
    """End the whole cell with a non-zero exit code."""
    if not context.is_shutdown:
        raise RuntimeError(f'{event.process_name} ended with exit code {event.returncode}')


def topics(namespace, sources):
    """Use topics of others, under these names or the default ones."""
    return [], sources


def realsense(namespace, sources):
    """Start one driver per serial number; a D405 has another colour topic: use `topics`."""
    _check(sources, 'serial number', 'realsense2_camera')
    drivers = [
        Node(
            package='realsense2_camera',
            executable='realsense2_camera_node',
            namespace=namespace,
            name=f'{view}_camera',
            parameters=[
                {
                    'serial_no': ParameterValue(serial, value_type=str),
                    'rgb_camera.color_profile': '640x480x30',
                    'enable_depth': False,
                }
            ],
        )
        for view, serial in sources.items()
    ]
    return drivers, {view: f'{view}_camera/color/image_raw' for view in sources}


def usb_cam(namespace, sources):
    """Start one driver per device, in the namespace of its view."""
    _check(sources, 'device', 'usb_cam')
    drivers = [
        Node(
            package='usb_cam',
            executable='usb_cam_node_exe',
            namespace=f'{namespace}/{view}'.lstrip('/'),
            name='camera',
            parameters=[
                {
                    'video_device': device,
                    'frame_id': f'{view}_optical_frame',
                    'pixel_format': 'mjpeg2rgb',  # raw pictures of three cameras overload one USB
                    'image_width': 640,
                    'image_height': 480,
                    'framerate': 30.0,
                }
            ],
        )
        for view, device in sources.items()
    ]
    return drivers, {}


def _check(sources, kind, package):
    if not sources:
        raise RuntimeError(f'no camera: name the {kind} of each view, as {VIEWS[0]}:=...')
    require_packages(package)


CAMERAS = {'topics': topics, 'realsense': realsense, 'usb_cam': usb_cam}
