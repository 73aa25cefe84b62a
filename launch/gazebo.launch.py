"""A simulated arm in Gazebo (Jazzy, Harmonic) with three cameras, and its gate and the others."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from robo_dopamine_ros.ros.vendor_packages import require_packages
from robo_dopamine_ros.types import VIEWS

HERE = Path(__file__).resolve().parent
SHARE = HERE.parent
MODELS = SHARE / 'models' / 'gazebo'
VENDORS = (
    'ros_gz_sim',
    'ros_gz_bridge',
    'ros_gz_image',
    'gz_ros2_control',
    'controller_manager',
    'joint_state_broadcaster',
    'forward_command_controller',
    'robot_state_publisher',
)
CONTROLLERS = (
    'joint_state_broadcaster',
    'forward_position_controller',
    'gripper_position_controller',
)
SET = LaunchConfiguration('set', default='')
DRIVEN = IfCondition(LaunchConfiguration('driver'))
ARGUMENTS = [
    DeclareLaunchArgument(
        'config',
        default_value='gazebo',
        description='parameter file of the cell, or the name of one in config/',
    ),
    DeclareLaunchArgument(
        'driver',
        default_value='true',
        description='start Gazebo, its bridges and controllers; false: they run already',
    ),
    DeclareLaunchArgument(
        'headless', default_value='false', description='without a window; pictures then need EGL'
    ),
    DeclareLaunchArgument(
        'world', default_value=str(MODELS / 'world.sdf'), description='world file'
    ),
    DeclareLaunchArgument(
        'description',
        default_value=str(MODELS / 'arm.urdf'),
        description='URDF or xacro of the arm, its cameras and plugin',
    ),
    DeclareLaunchArgument(
        'use_sim_time', default_value='true', description="whether the nodes go by Gazebo's clock"
    ),
]


def generate_launch_description():
    """Return the cell and, unless it runs already, the simulation."""
    cell = IncludeLaunchDescription(
        str(HERE / 'cell.launch.py'),
        launch_arguments=[
            ('set', ['cell.use_sim_time=', LaunchConfiguration('use_sim_time'), ' ', SET])
        ],
    )
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=check, condition=DRIVEN),
            cell,
            OpaqueFunction(function=driver, condition=DRIVEN),
        ]
    )


def check(context):
    """Check that the required packages are installed, before anything starts."""
    require_packages(*VENDORS)


def driver(context):
    """Start Gazebo with the arm, and the bridges for clock, images and commands."""
    given = context.launch_configurations
    headless = IfCondition(LaunchConfiguration('headless')).evaluate(context)
    options = '-r -s --headless-rendering' if headless else '-r'
    gazebo = PathJoinSubstitution([FindPackageShare('ros_gz_sim'), 'launch', 'gz_sim.launch.py'])
    simulation = IncludeLaunchDescription(
        gazebo,
        launch_arguments={
            'gz_args': f'{options} {given["world"]}',
            'on_exit_shutdown': 'true',
        }.items(),
    )
    urdf = described(given['description'], given['namespace'])
    description = {'robot_description': ParameterValue(urdf, value_type=str)}
    nodes = [
        ('robot_state_publisher', 'robot_state_publisher', [], description),
        ('ros_gz_sim', 'create', ['-topic', 'robot_description', '-name', 'arm'], {}),
        ('ros_gz_bridge', 'parameter_bridge', [], {'config_file': str(MODELS / 'bridge.yaml')}),
        ('ros_gz_image', 'image_bridge', [f'{view}/image_raw' for view in VIEWS], {}),
        ('controller_manager', 'spawner', CONTROLLERS, {}),
    ]
    return [
        simulation,
        *(
            Node(
                package=package,
                executable=executable,
                namespace=given['namespace'],
                arguments=arguments,
                parameters=[{'use_sim_time': True, **parameters}],
                output='screen',
            )
            for package, executable, arguments, parameters in nodes
        ),
    ]


def described(path, namespace):
    """Return the URDF; only a xacro file needs xacro."""
    if Path(path).suffix == '.xacro':
        require_packages('xacro')
        import xacro

        return xacro.process_file(path, mappings={'namespace': namespace}).toxml()
    text = Path(path).read_text(encoding='utf-8')
    return text.replace('$(find robo_dopamine)', str(SHARE)).replace('$(arg namespace)', namespace)
