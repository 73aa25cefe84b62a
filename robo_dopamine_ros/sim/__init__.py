"""A MuJoCo world that steps and renders; it knows no ROS."""

import os

from robo_dopamine_ros.sim.gl import prepare

prepare(os.environ)
