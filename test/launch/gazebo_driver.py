"""The arm of models/gazebo behind controllers that drivers/position_controller_driver.py fakes."""

import sys
from pathlib import Path

from arms.descriptions import Described
from drivers.position_controller_driver import PositionControllerDriver

from robo_dopamine_ros.ros.spin import run_node

ARM = Described(
    str(Path(__file__).parents[2] / 'models' / 'gazebo' / 'arm'),
    tuple(f'joint{i}' for i in range(1, 7)),
    'base_link',
    'tool0',
    (0.0, 0.338, 1.783, 0.0, 1.021, 0.0),
)

if __name__ == '__main__':
    sys.exit(run_node(lambda: PositionControllerDriver(ARM)))
