"""Packages of others that launch files start when asked, and how to install each."""

import os

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

APT = 'apt install ros-{distribution}-{debian}'
INSTALL = {  # package: how; what is not here has the Debian package of its own name
    'agx_arm_ctrl': 'build github.com/agilexrobotics/agx_arm_ros, and pip install pyAgxArm',
    'crisp_controllers': 'build github.com/learnsyslab/crisp_controllers',
    'franka_bringup': 'build github.com/frankarobotics/franka_ros2, branch {distribution}',
    'ur_robot_driver': 'apt install ros-{distribution}-ur',
}


class VendorMissing(LookupError):
    """A package of a vendor that is not installed."""


def require(*packages: str) -> None:
    """Raise VendorMissing, which says what to install, unless all packages are there."""
    missing = [package for package in packages if not _installed(package)]
    if missing:
        advice = '; '.join(f'{package}: {_install(package)}' for package in missing)
        raise VendorMissing(f'not installed: {advice}')


def _installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def _install(package: str) -> str:
    distribution = os.environ.get('ROS_DISTRO', '${ROS_DISTRO}')
    how = INSTALL.get(package, APT)
    return how.format(distribution=distribution, debian=package.replace('_', '-'))
