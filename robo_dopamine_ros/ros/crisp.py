"""The topics of a CRISP Cartesian controller, and their messages; names are relative.

As crisp_controllers publish and subscribe them; a controller ignores `target_pose` while more
than one publisher has it.
"""

from collections.abc import Iterable, Sequence

from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.qos import qos_profile_system_default
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from robo_dopamine_ros.ros.convert import pose_to_msg, to_time, twist_to_msg
from robo_dopamine_ros.ros.topics import Topic, newest, reliable
from robo_dopamine_ros.types import ArmState

STATE = qos_profile_system_default
DRIVER = 'driver'

TARGET_POSE = Topic(
    'target_pose', PoseStamped, reliable(1), 50.0, 'gate', DRIVER, 'where the tool should go'
)
CURRENT_POSE = Topic(
    'current_pose', PoseStamped, STATE, 50.0, DRIVER, 'gate', 'pose of the tool, base frame'
)
CURRENT_TWIST = Topic(
    'current_twist', TwistStamped, STATE, 50.0, DRIVER, 'gate', 'velocity of the tool, tool frame'
)
JOINT_STATES = Topic('joint_states', JointState, STATE, 50.0, DRIVER, 'gate', 'state of the joints')
GRIPPER_COMMAND = Topic(
    'gripper/gripper_position_controller/commands',
    Float64MultiArray,
    reliable(1),
    None,
    'gate',
    DRIVER,
    'one number, 0 closed .. 1 open',
)
EXTERNAL_WRENCH = Topic(
    'external_wrench',
    WrenchStamped,
    newest(1),
    50.0,
    DRIVER,
    'gate',
    'force and torque on the tool, base frame; Franka names it otherwise, remap it',
)
GRIPPER_STATE = Topic(
    'gripper/joint_states', JointState, STATE, 50.0, DRIVER, 'gate', 'opening, 0 closed .. 1 open'
)


def pose_stamped(state: ArmState, frame: str) -> PoseStamped:
    """Give the pose of the tool; `frame` is the arm's base frame."""
    message = PoseStamped(pose=pose_to_msg(state.pose))
    message.header.stamp, message.header.frame_id = to_time(state.stamp), frame
    return message


def twist_stamped(state: ArmState, frame: str) -> TwistStamped:
    """Give the velocity of the tool; `frame` is the tool's, in which the twist must be."""
    message = TwistStamped(twist=twist_to_msg(state.twist))
    message.header.stamp, message.header.frame_id = to_time(state.stamp), frame
    return message


def joint_state(state: ArmState) -> JointState:
    """Give the state of the arm's joints."""
    return _joints(state, state.joint_names, state.joints, state.joint_velocities)


def gripper_state(state: ArmState) -> JointState:
    """Give the opening of the gripper."""
    return _joints(state, ('gripper',), (state.gripper,), (0.0,))


def _joints(
    state: ArmState, names: Sequence[str], positions: Iterable[float], velocities: Iterable[float]
) -> JointState:
    message = JointState(
        name=list(names),
        position=[float(value) for value in positions],
        velocity=[float(value) for value in velocities],
    )
    message.header.stamp = to_time(state.stamp)
    return message
