"""Packages of vendors that launch files start, and how to install each."""

import os

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

APT_COMMAND = 'apt install ros-{distribution}-{debian}'
INSTALL_COMMANDS = {  # others have the Debian package of their own name
    'agx_arm_ctrl': 'build github.com/agilexrobotics/agx_arm_ros, and pip install pyAgxArm',
    'crisp_controllers': 'build github.com/learnsyslab/crisp_controllers',
    'franka_bringup': 'build github.com/frankarobotics/franka_ros2, branch {distribution}',
    'ur_robot_driver': 'apt install ros-{distribution}-ur',
}


class MissingVendorPackage(LookupError):
    """A package of a vendor that is not installed."""


def require_packages(*packages: str) -> None:
    """Raise MissingVendorPackage, which says what to install, unless all are installed."""
    missing = [package for package in packages if not _installed(package)]
    if missing:
        advice = '; '.join(f'{package}: {_install_command(package)}' for package in missing)
        raise MissingVendorPackage(f'not installed: {advice}')


def _installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def _install_command(package: str) -> str:
    distribution = os.environ.get('ROS_DISTRO', '${ROS_DISTRO}')
    command = INSTALL_COMMANDS.get(package, APT_COMMAND)
    return command.format(distribution=distribution, debian=package.replace('_', '-'))
