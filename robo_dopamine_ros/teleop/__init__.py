"""Teleoperation devices: device messages are mapped to arm commands and button events."""
