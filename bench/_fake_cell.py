"""A fake arm, policy and episode manager for take_over.py, until interrupted.

The arm has the topics of CRISP at 100 Hz; the policy moves the tool up and down at 10 Hz; each line
on stdin starts another episode.
"""

import sys
import threading

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from robo_dopamine_ros.geometry import integrate_twist, pose_difference
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import pose_from_msg, pose_to_msg, to_msg
from robo_dopamine_ros.types import ArmCommand, Episode, Phase, Pose

RATE, LAG = 100.0, 0.05  # [Hz], [s]
JOINTS = [f'fr3_joint{i}' for i in range(1, 8)]


class FakeCell:
    """Everything around the gate but the operator."""

    def __init__(self) -> None:
        self.node = rclpy.create_node('cell')
        self.pose = self.target = Pose(np.array([0.5, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))
        self.episode, self.ticks = 0, 0
        state = qos_profile_sensor_data
        self.poses = self.node.create_publisher(PoseStamped, 'current_pose', state)
        self.twists = self.node.create_publisher(TwistStamped, 'current_twist', state)
        self.joints = self.node.create_publisher(JointState, 'joint_states', state)
        self.node.create_subscription(PoseStamped, 'target_pose', self.on_target, 1)
        policy, episode = topics.POLICY_COMMAND, topics.EPISODE
        self.policy = self.node.create_publisher(policy.type, policy.name, policy.qos)
        self.episodes = self.node.create_publisher(episode.type, episode.name, episode.qos)
        self.node.create_timer(1 / RATE, self.report)
        self.node.create_timer(0.1, self.act)

    def on_target(self, message: PoseStamped) -> None:
        self.target = pose_from_msg(message.pose)

    def report(self) -> None:
        self.pose = integrate_twist(
            self.pose, pose_difference(self.pose, self.target) / LAG, 1 / RATE
        )
        pose, twist = PoseStamped(pose=pose_to_msg(self.pose)), TwistStamped()
        joints = JointState(name=JOINTS, position=[0.0] * 7, velocity=[0.0] * 7)
        pose.header.frame_id, twist.header.frame_id = 'base', 'fr3_hand_tcp'
        pose.header.stamp = twist.header.stamp = self.node.get_clock().now().to_msg()
        joints.header.stamp = pose.header.stamp
        self.poses.publish(pose)
        self.twists.publish(twist)
        self.joints.publish(joints)

    def act(self) -> None:
        self.ticks += 1
        lift = 0.1 * (-1.0) ** (self.ticks // 5)
        stamp = self.node.get_clock().now().nanoseconds
        command = ArmCommand(stamp, twist=np.array([0, 0, lift, 0, 0, 0]))
        self.policy.publish(to_msg(command, 'base'))
        episode = Episode(id=f'{self.episode}', phase=Phase.RUNNING, stamp=stamp)
        self.episodes.publish(to_msg(episode))


def main() -> None:
    rclpy.init()
    cell = FakeCell()

    def read_stdin() -> None:
        for _ in sys.stdin:
            cell.episode += 1

    threading.Thread(target=read_stdin, daemon=True).start()
    try:
        rclpy.spin(cell.node)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
