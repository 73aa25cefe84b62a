"""The world, arm, bridge and controllers for Gazebo as texts: Gazebo itself runs in no test."""

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pinocchio as pin
import pytest
import yaml

from robo_dopamine_ros.arms.kinematics import Kinematics
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.types import VIEWS

MODELS = Path(__file__).parents[2] / 'models' / 'gazebo'
URDF = (MODELS / 'arm.urdf').read_text()
ARM = ElementTree.fromstring(URDF)
WORLD = ElementTree.parse(MODELS / 'world.sdf').getroot().find('world')
BRIDGE = yaml.safe_load((MODELS / 'bridge.yaml').read_text())
CONTROLLERS = yaml.safe_load((MODELS / 'controllers.yaml').read_text())['/**']
TABLE = np.array([0.45, 0.0, 0.1])  # where things are done [m]
assert WORLD is not None


@cache
def described() -> tuple[pin.Model, dict[str, pin.SE3]]:
    """The arm where it starts, and the places of its links."""
    model = pin.buildModelFromXML(URDF)
    data, q = model.createData(), pin.neutral(model)
    for name, value in home().items():
        q[model.joints[model.getJointId(name)].idx_q] = value
    pin.framesForwardKinematics(model, data, q)
    return model, {frame.name: data.oMf[i].copy() for i, frame in enumerate(model.frames)}


def controlled() -> list[ElementTree.Element]:
    """Joints that take commands."""
    return [j for j in ARM.findall('ros2_control/joint') if j.find('command_interface') is not None]


def home() -> dict[str, float]:
    found = {}
    for joint in controlled():
        value = joint.findtext('state_interface[@name="position"]/param[@name="initial_value"]')
        found[joint.attrib['name']] = float(value or 'nan')
    return found


def joints_of(controller: str) -> list[str]:
    return CONTROLLERS[controller]['ros__parameters']['joints']


def test_the_world_has_what_arm_and_cameras_need() -> None:
    systems = {plugin.attrib['filename'] for plugin in WORLD.findall('plugin')}
    assert {f'gz-sim-{kind}-system' for kind in ('physics', 'user-commands')} <= systems
    assert {f'gz-sim-{kind}-system' for kind in ('scene-broadcaster', 'sensors')} <= systems
    assert WORLD.findtext('plugin[@filename="gz-sim-sensors-system"]/render_engine') == 'ogre2'
    assert WORLD.find('light') is not None


def test_controllers_hold_every_joint_once_and_physics_keeps_up() -> None:
    manager = CONTROLLERS['controller_manager']['ros__parameters']
    held = [
        joint for name in CONTROLLERS if name != 'controller_manager' for joint in joints_of(name)
    ]
    assert held == [joint.attrib['name'] for joint in controlled()]
    assert set(CONTROLLERS) - {'controller_manager'} < set(manager)
    step = float(WORLD.findtext('physics/max_step_size') or 0)
    assert manager['update_rate'] * step == pytest.approx(1.0)


def test_every_joint_takes_positions_alone() -> None:
    movable = {j.attrib['name'] for j in ARM.findall('joint') if j.attrib['type'] != 'fixed'}
    mimics = {j.attrib['name'] for j in ARM.findall('joint') if j.find('mimic') is not None}
    assert {joint.attrib['name'] for joint in controlled()} == movable - mimics
    for joint in controlled():
        assert [c.attrib['name'] for c in joint.findall('command_interface')] == ['position']
        assert {s.attrib['name'] for s in joint.findall('state_interface')} == {
            'position',
            'velocity',
        }


def test_it_starts_within_its_limits_with_the_tool_over_the_table() -> None:
    kinematics = Kinematics(URDF, joints_of('forward_position_controller'), 'base_link', 'tool0')
    q = np.array([home()[name] for name in kinematics.joints])
    assert (kinematics.limits.lower < q).all()
    assert (q < kinematics.limits.upper).all()
    pose, jacobian = kinematics.pose_and_jacobian(q)
    np.testing.assert_allclose(pose.position, [0.45, 0.0, 0.25], atol=1e-3)
    down = pin.Quaternion(pose.orientation).matrix()[:, 2]
    np.testing.assert_allclose(down, [0, 0, -1], atol=1e-3)
    assert np.linalg.cond(jacobian) < 10


def test_the_cell_speaks_of_this_arm() -> None:
    gate = yaml.safe_load((MODELS.parents[1] / 'config' / 'gazebo.yaml').read_text())['gate']
    told = gate['ros__parameters']['driver']
    assert told['joints'] == joints_of('forward_position_controller')
    links = {link.attrib['name'] for link in ARM.findall('link')}
    assert {told['base_frame'], told['tool_frame']} <= links
    gripper = told['gripper']
    assert gripper['command'] == 'gripper_position_controller/commands'
    assert [gripper['joint']] == joints_of('gripper_position_controller')
    limit = ARM.find(f'joint[@name="{gripper["joint"]}"]/limit')
    assert limit is not None
    assert float(limit.attrib['upper']) == gripper['open']


def test_masses_are_those_of_bodies() -> None:
    links = ARM.findall('link')
    moved = {
        joint.find('child').attrib['link']
        for joint in ARM.findall('joint')
        if joint.find('axis') is not None
    }  # type: ignore[union-attr]
    assert moved <= {link.attrib['name'] for link in links if link.find('inertial') is not None}
    for inertia in ARM.iter('inertia'):
        x, y, z = (float(inertia.attrib[f'i{a}{a}']) for a in 'xyz')
        assert min(x, y, z) > 0
        assert max(x, y, z) < (x + y + z) / 2 + 1e-9


@pytest.mark.parametrize('view', VIEWS)
def test_a_camera_speaks_where_it_is_heard(view: str) -> None:
    sensor = ARM.find(f'gazebo[@reference="{view}_camera"]/sensor')
    assert sensor is not None
    assert sensor.findtext('topic') == camera_topic(view).name
    assert sensor.findtext('camera/camera_info_topic') == f'{view}/camera_info'
    assert float(sensor.findtext('update_rate') or 0) >= 10
    frame = sensor.findtext('gz_frame_id') or ''
    places = described()[1]
    forward, left, up = places[f'{view}_camera'].rotation.T
    optical = np.stack([-left, -up, forward], axis=1)  # REP 103: x right, y down, z forward
    np.testing.assert_allclose(places[frame].rotation, optical, atol=1e-4)


@pytest.mark.parametrize(('view', 'at', 'near'), [
    ('front', TABLE, 0.02), ('left_wrist', None, 0.02), ('right_wrist', None, 0.02),
])  # fmt: skip
def test_a_camera_looks_at_the_work(view: str, at: np.ndarray | None, near: float) -> None:
    places = described()[1]
    target = places['tool0'].translation if at is None else at
    camera = places[f'{view}_camera']
    aside = np.cross(camera.rotation[:, 0], target - camera.translation)
    assert np.linalg.norm(aside) < near
    assert (target - camera.translation) @ camera.rotation[:, 0] > 0.05


def test_the_bridge_carries_clock_and_camera_info() -> None:
    types = {
        '/clock': ('rosgraph_msgs/msg/Clock', 'gz.msgs.Clock'),
        **{
            f'{view}/camera_info': ('sensor_msgs/msg/CameraInfo', 'gz.msgs.CameraInfo')
            for view in VIEWS
        },
    }
    assert {entry['ros_topic_name'] for entry in BRIDGE} == set(types)
    for entry in BRIDGE:
        name = entry['ros_topic_name']
        assert entry['gz_topic_name'] == f'/{name.lstrip("/")}'
        assert (entry['ros_type_name'], entry['gz_type_name']) == types[name]
        assert entry['direction'] == 'GZ_TO_ROS'


def test_only_what_launch_fills_in_is_left_open() -> None:
    assert set(re.findall(r'\$\([^)]*\)', URDF)) == {
        '$(find robo_dopamine)',
        '$(arg namespace)',
        '$( )',  # in the comment
    }
    plugin = ARM.find('gazebo/plugin[@filename="gz_ros2_control-system"]')
    assert plugin is not None
    assert plugin.findtext('parameters', '').endswith('models/gazebo/controllers.yaml')
    assert ARM.findtext('ros2_control/hardware/plugin') == 'gz_ros2_control/GazeboSimSystem'
