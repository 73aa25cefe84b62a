"""The arm of models/gazebo behind fake controllers, and the clock that Gazebo publishes."""

import sys
from pathlib import Path

from arms.descriptions import Described
from drivers.position_controller_driver import PositionControllerDriver
from rosgraph_msgs.msg import Clock

from robo_dopamine_ros.ros.spin import run_node

ARM = Described(
    str(Path(__file__).parents[2] / 'models' / 'gazebo' / 'arm'),
    tuple(f'joint{i}' for i in range(1, 7)),
    'base_link',
    'tool0',
    (0.0, 0.338, 1.783, 0.0, 1.021, 0.0),
)


class GazeboDriver(PositionControllerDriver):
    """Publishes real time as the clock, 100 times a second."""

    def __init__(self) -> None:
        super().__init__(ARM)
        publisher = self.create_publisher(Clock, '/clock', 1)
        self.create_timer(
            0.01, lambda: publisher.publish(Clock(clock=self.get_clock().now().to_msg()))
        )


if __name__ == '__main__':
    sys.exit(run_node(GazeboDriver))
