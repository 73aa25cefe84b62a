"""What is ROS and not a node: topics, parameters, conversions, camera sets, running."""
