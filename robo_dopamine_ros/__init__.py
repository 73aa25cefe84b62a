"""Robot-side Robo-Dopamine: live progress and reward from cameras, for ROS 2."""

__version__ = '0.1.0'
