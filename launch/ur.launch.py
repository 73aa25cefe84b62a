"""A Universal Robots arm, and its gate, teleoperation, reward and conductor."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from robo_dopamine_ros.ros.vendors import require

HERE = Path(__file__).resolve().parent
SERVO = str(HERE.parent / 'config' / 'drivers' / 'ur_servo.yaml')
CONFIGS = {'joint_stream': 'ur', 'servo': 'ur_servo'}  # how the arm is driven, and its cell
CONTROLLERS = {  # that must run for it
    'joint_stream': 'forward_position_controller',
    'servo': 'scaled_joint_trajectory_controller',
}
DRIVEN = IfCondition(LaunchConfiguration('driver'))
ARGUMENTS = [
    DeclareLaunchArgument(
        'arm',
        default_value='joint_stream',
        description='who computes joints: the gate, or MoveIt Servo',
        choices=list(CONFIGS),
    ),
    DeclareLaunchArgument(
        'config',
        default_value=PythonExpression([str(CONFIGS), "['", LaunchConfiguration('arm'), "']"]),
        description='parameter file of the cell, or the name of one in config/: ur or ur_servo',
    ),
    DeclareLaunchArgument(
        'driver',
        default_value='true',
        description='start ur_robot_driver (and MoveIt Servo); false: they run already',
    ),
    DeclareLaunchArgument('robot_ip', default_value='', description='address of the robot'),
    DeclareLaunchArgument(
        'ur_type', default_value='ur5e', description='model of the arm, as ur_robot_driver calls it'
    ),
]


def generate_launch_description():
    """Give the cell and, if wanted, its driver."""
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=check, condition=DRIVEN),
            IncludeLaunchDescription(str(HERE / 'cell.launch.py')),
            OpaqueFunction(function=driver, condition=DRIVEN),
        ]
    )


def check(context):
    """Refuse what could not start, before anything does."""
    given = context.launch_configurations
    servo = given['arm'] == 'servo'
    require('ur_robot_driver', *(('moveit_servo', 'ur_moveit_config') if servo else ()))
    if not given['robot_ip']:
        raise RuntimeError('robot_ip is empty; it must be the address of the robot')
    if namespace := given.get('namespace'):  # the cell, which declares it, comes later
        raise RuntimeError(
            f'namespace = {namespace!r}; ur_robot_driver has none: start it elsewhere and say '
            'driver:=false'
        )


def driver(context):
    """Start the vendor's driver, and Servo where it is wanted."""
    given = context.launch_configurations
    bringup = PathJoinSubstitution(
        [FindPackageShare('ur_robot_driver'), 'launch', 'ur_control.launch.py']
    )
    arguments = {
        'ur_type': given['ur_type'],
        'robot_ip': given['robot_ip'],
        'initial_joint_controller': CONTROLLERS[given['arm']],
        'launch_rviz': 'false',
    }
    started = IncludeLaunchDescription(bringup, launch_arguments=arguments.items())
    return [started, *([servo_node(given['ur_type'])] if given['arm'] == 'servo' else [])]


def servo_node(ur_type):
    """Give MoveIt Servo with the vendor's description of the arm and our own settings."""
    from moveit_configs_utils import MoveItConfigsBuilder

    semantic = (Path('srdf') / 'ur.srdf.xacro', {'name': ur_type})
    builder = MoveItConfigsBuilder('ur', package_name='ur_moveit_config')
    description = builder.robot_description_semantic(*semantic).to_moveit_configs()
    return Node(
        package='moveit_servo',
        executable='servo_node',
        name='servo_node',
        parameters=[description.to_dict(), SERVO],
        output='screen',
    )
