"""ROS code that is no node: topics, parameters, message conversion, cameras, running a node."""
