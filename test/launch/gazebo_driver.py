"""The arm of models/gazebo behind its controllers, as `drivers/stream_driver.py` fakes them."""

import sys
from pathlib import Path

from arms.descriptions import Described
from drivers.stream_driver import StreamDriver

from robo_dopamine_ros.ros.run import run

ARM = Described(
    str(Path(__file__).parents[2] / 'models' / 'gazebo' / 'arm'),
    tuple(f'joint{i}' for i in range(1, 7)),
    'base_link',
    'tool0',
    (0.0, 0.338, 1.783, 0.0, 1.021, 0.0),
)

if __name__ == '__main__':
    sys.exit(run(lambda: StreamDriver(ARM)))
