"""ROS nodes, one file per process: they only wire the parts."""
