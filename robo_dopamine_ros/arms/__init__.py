"""Arms: interface to a driver, one file per driver, and inverse kinematics."""
