"""What launch files start of vendors, with stand-ins for their packages: names and arguments."""

import os
from pathlib import Path
from typing import Any

import pytest
from launched import CTRL_C, Launch, Listener, missing, until
from vendors import Vendors

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.timeout(400),
    pytest.mark.usefixtures('domain'),
]
ROOT = Path(__file__).parents[2]
VIEWS = {'front': 'A1', 'left_wrist': 'B2', 'right_wrist': '0123'}
GAZEBO = (
    'gz_ros2_control',
    'joint_state_broadcaster',
    'forward_command_controller',
)
CONFIGS = """
class MoveItConfigsBuilder:
    def __init__(self, robot, package_name):
        self.said = robot

    def robot_description_semantic(self, file, mappings):
        self.said += f' {file} {mappings["name"]}'
        return self

    def to_moveit_configs(self):
        return self

    def to_dict(self):
        return {'robot_description_semantic': self.said}
"""
PROGRAMS = (
    ('robot_state_publisher', 'robot_state_publisher'),
    ('ros_gz_sim', 'create'),
    ('ros_gz_bridge', 'parameter_bridge'),
    ('ros_gz_image', 'image_bridge'),
    ('controller_manager', 'spawner'),
)


@pytest.fixture
def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vendors:
    return Vendors(tmp_path, monkeypatch)


def first(vendors: Vendors, launch: Launch, package: str, name: str) -> dict[str, Any]:
    until(lambda: vendors.noted(package, name), lambda: launch.said)
    return vendors.noted(package, name)[0]


def end(launch: Launch) -> None:
    until(lambda: 'episode_manager' in launch.pids(), lambda: launch.said)  # before, it may hang
    launch.press(CTRL_C)
    assert launch.end() == 0, launch.said


@pytest.mark.parametrize(
    ('cameras', 'package', 'program', 'pictures'),
    [
        ('realsense', 'realsense2_camera', 'realsense2_camera_node', '~/color/image_raw'),
        ('usb_cam', 'usb_cam', 'usb_cam_node_exe', 'image_raw'),
    ],
)
def test_cameras_show_what_the_reward_node_watches(
    vendors: Vendors, cameras: str, package: str, program: str, pictures: str
) -> None:
    vendors.program(package, program, pictures)
    words = [f'{view}:={source}' for view, source in VIEWS.items()]
    with (
        Launch('reward', f'cameras:={cameras}', 'namespace:=left', 'task:=push', *words) as launch,
        Listener('left') as client,
    ):
        until(client.active, lambda: launch.said)
        client.start_episode('', 20.0, lambda: None)
        until(  # grey pictures are none the model knows
            lambda: any('unfamiliar' in r.reason for r in client.episode_readings()),
            lambda: f'{launch.said}{client.episode_readings()[-1:]}',
        )
        end(launch)
    noted = vendors.noted(package, program)
    key = {'realsense': 'serial_no', 'usb_cam': 'video_device'}[cameras]
    assert {str(one['parameters'][key]) for one in noted} == set(VIEWS.values())
    assert all(one['node'].startswith('/left/') for one in noted)


def test_without_their_package_cameras_are_refused_with_what_to_install() -> None:
    with Launch('reward', 'cameras:=usb_cam', 'front:=/dev/video0') as launch:
        assert launch.end() == 1, launch.said
    assert 'not installed: usb_cam: apt install ros-' in launch.said
    assert not launch.pids()


@pytest.mark.parametrize(
    ('name', 'package'),
    [
        ('franka', 'franka_bringup'),
        ('ur', 'ur_robot_driver'),
        ('piper', 'agx_arm_ctrl'),
        ('gazebo', 'ros_gz_sim'),
    ],
)
def test_without_its_package_a_driver_is_refused_with_what_to_install(
    name: str, package: str
) -> None:
    with Launch(name, *(['robot_ip:=1.2.3.4'] if name in ('franka', 'ur') else [])) as launch:
        assert launch.end() == 1, launch.said
    assert f'not installed: {package}: ' in launch.said
    assert not launch.pids()


def test_franka(vendors: Vendors) -> None:
    arguments = ('robot_ip', 'robot_type', 'load_gripper', 'namespace')
    vendors.launch_file('franka_bringup', 'franka.launch.py', arguments)
    vendors.program('controller_manager', 'spawner')
    vendors.package('crisp_controllers')
    with Launch('franka') as launch:
        assert launch.end() == 1
        assert 'robot_ip is empty' in launch.said
    with Launch('franka', 'robot_ip:=1.2.3.4', 'namespace:=left') as launch:
        until(lambda: len(vendors.noted('controller_manager', 'spawner')) == 3, lambda: launch.said)
        end(launch)
    (given,) = vendors.noted('franka_bringup', 'franka.launch.py')
    assert given == {
        'robot_ip': '1.2.3.4',
        'robot_type': 'fr3',
        'load_gripper': 'true',
        'namespace': 'left',
    }
    file = str(ROOT / 'config' / 'drivers' / 'franka_crisp.yaml')
    words = {
        one['words'][0]: one['words'] for one in vendors.noted('controller_manager', 'spawner')
    }
    assert set(words) == {
        'pose_broadcaster',
        'twist_broadcaster',
        'cartesian_impedance_controller',
    }
    assert all(file in one for one in words.values())
    assert '--inactive' in words['cartesian_impedance_controller']
    assert '--inactive' not in words['pose_broadcaster']


def test_ur(vendors: Vendors) -> None:
    arguments = ('robot_ip', 'ur_type', 'initial_joint_controller', 'launch_rviz', 'headless_mode')
    vendors.launch_file('ur_robot_driver', 'ur_control.launch.py', arguments)
    with Launch('ur', 'robot_ip:=1.2.3.4', 'namespace:=left') as launch:
        assert launch.end() == 1
        assert 'ur_robot_driver has none' in launch.said
    with Launch('ur', 'robot_ip:=1.2.3.4', 'headless_mode:=true') as launch:
        given = first(vendors, launch, 'ur_robot_driver', 'ur_control.launch.py')
        end(launch)
    assert given == {
        'robot_ip': '1.2.3.4',
        'ur_type': 'ur5e',
        'initial_joint_controller': 'forward_position_controller',
        'launch_rviz': 'false',
        'headless_mode': 'true',  # further arguments of the vendor's file are passed on
    }


def test_ur_behind_servo(vendors: Vendors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'moveit_configs_utils.py').write_text(CONFIGS)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path), prepend=os.pathsep)
    arguments = ('ur_type', 'initial_joint_controller')
    vendors.launch_file('ur_robot_driver', 'ur_control.launch.py', arguments)
    vendors.program('moveit_servo', 'servo_node')
    vendors.package('ur_moveit_config')
    with Launch('ur', 'robot_ip:=1.2.3.4', 'arm:=servo', 'ur_type:=ur10e') as launch:
        told = first(vendors, launch, 'moveit_servo', 'servo_node')
        end(launch)
    (given,) = vendors.noted('ur_robot_driver', 'ur_control.launch.py')
    controller = 'scaled_joint_trajectory_controller'
    assert given == {'ur_type': 'ur10e', 'initial_joint_controller': controller}
    assert told['node'] == '/servo_node'
    assert told['parameters']['robot_description_semantic'] == 'ur srdf/ur.srdf.xacro ur10e'
    assert told['parameters']['moveit_servo.command_in_type'] == 'speed_units'
    assert controller in told['parameters']['moveit_servo.command_out_topic']


def test_piper(vendors: Vendors) -> None:
    vendors.program('agx_arm_ctrl', 'agx_arm_ctrl_single')
    with Launch('piper', 'can_port:=can1', 'namespace:=left') as launch:
        told = first(vendors, launch, 'agx_arm_ctrl', 'agx_arm_ctrl_single')
        end(launch)
    assert told['node'] == '/left/agx_arm_ctrl_single_node'
    assert told['parameters'] == {
        'can_port': 'can1',
        'arm_type': 'piper',
        'effector_type': 'agx_gripper',
        'auto_enable': False,
        'control_enabled': False,
        'fast_mode': True,
    }
    assert 'control/joint_states:=control/joint_states' in told['words']
    assert not any(word.endswith(':=joint_states') for word in told['words'])


def test_gazebo(vendors: Vendors) -> None:
    vendors.launch_file('ros_gz_sim', 'gz_sim.launch.py', ('gz_args', 'on_exit_shutdown'))
    for package, program in PROGRAMS:
        vendors.program(package, program)
    for package in GAZEBO:
        vendors.package(package)
    with Launch('gazebo', 'headless:=true', 'namespace:=left') as launch:
        told = {program: first(vendors, launch, package, program) for package, program in PROGRAMS}
        given = first(vendors, launch, 'ros_gz_sim', 'gz_sim.launch.py')
        end(launch)
    world = ROOT / 'models' / 'gazebo' / 'world.sdf'
    assert given['gz_args'] == f'-r -s --headless-rendering {world}'
    assert all(one['node'].startswith('/left/') for one in told.values())
    assert all(one['parameters']['use_sim_time'] for one in told.values())
    urdf = told['robot_state_publisher']['parameters']['robot_description']
    assert f'<parameters>{ROOT}/models/gazebo/controllers.yaml</parameters>' in urdf
    assert '<namespace>/left</namespace>' in urdf
    assert told['create']['words'][:2] == ['-topic', 'robot_description']
    bridge = told['parameter_bridge']['parameters']['config_file']
    assert Path(bridge) == ROOT / 'models' / 'gazebo' / 'bridge.yaml'
    assert told['image_bridge']['words'][:3] == [f'{view}/image_raw' for view in VIEWS]
