"""Online training of a simulated arm; needs run:=DIR. config/learn.yaml lists its nodes."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription

CELL = str(Path(__file__).with_name('cell.launch.py'))


def generate_launch_description():
    """Include the cell with its own default configuration."""
    config = DeclareLaunchArgument(
        'config',
        default_value='learn',
        description='parameter file of the cell, or the name of one in config/',
    )
    return LaunchDescription([config, IncludeLaunchDescription(CELL)])
