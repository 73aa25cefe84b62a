"""An AgileX PiPER, and its gate, teleoperation, reward and episode manager."""

import shlex
from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from robo_dopamine_ros.ros.vendor_packages import require_packages

HERE = Path(__file__).resolve().parent
DRIVEN = IfCondition(LaunchConfiguration('driver'))
ARGUMENTS = [
    DeclareLaunchArgument(
        'config',
        default_value='piper',
        description='parameter file of the cell, or the name of one in config/',
    ),
    DeclareLaunchArgument(
        'driver',
        default_value='true',
        description='start the node of agx_arm_ros; false: it runs already',
    ),
    DeclareLaunchArgument(
        'can_port',
        default_value='can0',
        description='CAN interface of the arm; it must be up, at 1 Mbit/s',
    ),
    DeclareLaunchArgument('arm_type', default_value='piper', description='as agx_arm_ros calls it'),
    DeclareLaunchArgument(
        'effector_type',
        default_value='agx_gripper',
        description='what is mounted, as agx_arm_ros calls it',
    ),
    DeclareLaunchArgument(
        'urdf',
        default_value='',
        description='URDF of the arm for the gate; empty: as in config, or on robot_description',
    ),
]
TOPICS = ('control/joint_states', 'control/move_js', 'feedback/joint_states')


def generate_launch_description():
    """Return the cell and, unless `driver:=false`, its driver."""
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=check, condition=DRIVEN),
            OpaqueFunction(function=describe),
            IncludeLaunchDescription(str(HERE / 'cell.launch.py')),
            OpaqueFunction(function=driver, condition=DRIVEN),
        ]
    )


def check(context):
    """Check that the required packages are installed, before anything starts."""
    require_packages('agx_arm_ctrl')


def describe(context):
    """Pass the URDF to the gate; the driver does not publish it."""
    given = context.launch_configurations
    urdf = f'gate.driver.agx.kinematics.urdf={given["urdf"]}'
    more = SetLaunchConfiguration('set', f'{shlex.quote(urdf)} {given.get("set", "")}')
    return [more] if given['urdf'] else []


def driver(context):
    """Start the node of the vendor, which ignores commands until the gate enables it."""
    given = context.launch_configurations
    return [
        Node(
            package='agx_arm_ctrl',
            executable='agx_arm_ctrl_single',
            name='agx_arm_ctrl_single_node',
            namespace=given['namespace'],
            parameters=[
                {
                    'can_port': given['can_port'],
                    'arm_type': given['arm_type'],
                    'effector_type': given['effector_type'],
                    'auto_enable': False,
                    'control_enabled': False,
                    'fast_mode': True,  # otherwise every command is a motion of its own
                }
            ],
            # Explicitly: were its commands ever called joint_states, whoever publishes those
            # would drive the arm.
            remappings=[(topic, topic) for topic in TOPICS],
            output='screen',
        )
    ]
