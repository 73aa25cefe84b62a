"""A MuJoCo world that steps and renders; it knows no ROS."""
