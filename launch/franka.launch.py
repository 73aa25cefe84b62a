"""A Franka behind CRISP controllers, and its gate, teleoperation, reward and conductor."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from robo_dopamine_ros.ros.vendors import require

HERE = Path(__file__).resolve().parent
ARGUMENTS = {  # name: default, description
    'config': ('franka', 'parameter file of the cell, or the name of one in config/'),
    'driver': ('true', 'start franka_ros2 and the CRISP controllers; false: they run already'),
    'robot_ip': ('', 'address of the robot'),
    'robot_type': ('fr3', 'as franka_ros2 calls it'),
    'load_gripper': ('true', 'whether a Franka Hand is mounted'),
    'controllers': (
        str(HERE.parent / 'config' / 'drivers' / 'franka_crisp.yaml'),
        'parameter file of the CRISP controllers; its joints must be those of robot_type',
    ),
}


def generate_launch_description():
    """Give the cell and, if wanted, its driver."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=value, description=text)
                for name, (value, text) in ARGUMENTS.items()
            ),
            IncludeLaunchDescription(str(HERE / 'cell.launch.py')),
            OpaqueFunction(function=driver, condition=IfCondition(LaunchConfiguration('driver'))),
        ]
    )


def driver(context):
    """Start the vendor's bring-up, then what tells the pose and follows it; nothing moves."""
    require('franka_bringup', 'crisp_controllers', 'controller_manager')
    given = context.launch_configurations
    if not given['robot_ip']:
        raise RuntimeError('robot_ip is empty; it must be the address of the robot')
    names = ('robot_ip', 'robot_type', 'load_gripper', 'namespace')
    bringup = PathJoinSubstitution(
        [FindPackageShare('franka_bringup'), 'launch', 'franka.launch.py']
    )
    return [
        IncludeLaunchDescription(bringup, launch_arguments=[(name, given[name]) for name in names]),
        *(spawner(context, name) for name in ('pose_broadcaster', 'twist_broadcaster')),
        spawner(context, 'cartesian_impedance_controller', '--inactive'),  # the gate activates it
    ]


def spawner(context, controller, *how):
    """Load one controller into the robot's controller manager."""
    given = context.launch_configurations
    return Node(
        package='controller_manager',
        executable='spawner',
        namespace=given['namespace'],
        arguments=[controller, *how, '--param-file', given['controllers']],
        output='screen',
    )
