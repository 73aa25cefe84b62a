"""A Franka behind CRISP controllers, and its gate, teleoperation, reward and episode manager."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from robo_dopamine_ros.ros.vendor_packages import require_packages

HERE = Path(__file__).resolve().parent
DRIVEN = IfCondition(LaunchConfiguration('driver'))
ARGUMENTS = [
    DeclareLaunchArgument(
        'config',
        default_value='franka',
        description='parameter file of the cell, or the name of one in config/',
    ),
    DeclareLaunchArgument(
        'driver',
        default_value='true',
        description='start franka_ros2 and the CRISP controllers; false: they run already',
    ),
    DeclareLaunchArgument('robot_ip', default_value='', description='address of the robot'),
    DeclareLaunchArgument('robot_type', default_value='fr3', description='as franka_ros2 calls it'),
    DeclareLaunchArgument(
        'load_gripper', default_value='true', description='whether a Franka Hand is mounted'
    ),
    DeclareLaunchArgument(
        'controllers',
        default_value=str(HERE.parent / 'config' / 'drivers' / 'franka_crisp.yaml'),
        description='parameter file of the CRISP controllers; its joints must fit robot_type',
    ),
]


def generate_launch_description():
    """Return the cell and, unless `driver:=false`, its driver."""
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=check, condition=DRIVEN),
            IncludeLaunchDescription(str(HERE / 'cell.launch.py')),
            OpaqueFunction(function=driver, condition=DRIVEN),
        ]
    )


def check(context):
    """Check that the required packages are installed, before anything starts."""
    require_packages('franka_bringup', 'crisp_controllers', 'controller_manager')
    if not context.launch_configurations['robot_ip']:
        raise RuntimeError('robot_ip is empty; it must be the address of the robot')


def driver(context):
    """Start the driver of the vendor, then broadcasters and controller; nothing moves."""
    given = context.launch_configurations
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
