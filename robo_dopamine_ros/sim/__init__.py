"""The MuJoCo world of the insertion task: scene, physics, rendering, ground truth."""

import os

from robo_dopamine_ros.sim.gl import import_mujoco

import_mujoco(os.environ)
