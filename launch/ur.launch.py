"""A Universal Robots arm, and its gate, teleoperation, reward and episode manager."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from robo_dopamine_ros.ros.vendor_packages import require_packages

HERE = Path(__file__).resolve().parent
SERVO = str(HERE.parent / 'config' / 'drivers' / 'ur_servo.yaml')
CONFIGS = {'position_controller': 'ur', 'servo': 'ur_servo'}  # value of `arm`: its cell
CONTROLLERS = {  # that it needs
    'position_controller': 'forward_position_controller',
    'servo': 'scaled_joint_trajectory_controller',
}
DRIVEN = IfCondition(LaunchConfiguration('driver'))
ARGUMENTS = [
    DeclareLaunchArgument(
        'arm',
        default_value='position_controller',
        description='inverse kinematics by the gate (position_controller) or MoveIt Servo',
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
    """Check that the required packages are installed, and name the model of the arm to the gate."""
    given = context.launch_configurations
    servo = given['arm'] == 'servo'
    require_packages('ur_robot_driver', *(('moveit_servo', 'ur_moveit_config') if servo else ()))
    if not given['robot_ip']:
        raise RuntimeError('robot_ip is empty; it must be the address of the robot')
    if namespace := given.get('namespace'):  # the cell, which declares it, comes later
        raise RuntimeError(
            f'namespace = {namespace!r}; ur_robot_driver has none: start it elsewhere and say '
            'driver:=false'
        )
    model = f'gate.driver.model={given["ur_type"]}'
    given['set'] = f'{model} {given.get("set", "")}'.strip()  # before the user's, which counts more


def driver(context):
    """Start the driver of the vendor, and Servo with `arm:=servo`."""
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
    """Return MoveIt Servo with the description of the vendor and our own settings."""
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
