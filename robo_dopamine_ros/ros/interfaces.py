"""ROS interface types by name, imported on demand."""

import importlib
import os
from typing import Any


class MissingInterface(ImportError):
    """A type whose package is not installed, or is too old to have it."""


def get_interface(name: str) -> Any:
    """Return the class of `package/msg/Name` (or srv, or action).

    Raises MissingInterface, which says what to install; few machines have every message package.
    """
    package, group, kind = name.split('/')
    try:
        module = importlib.import_module(f'{package}.{group}')
    except ModuleNotFoundError as error:
        distribution = os.environ.get('ROS_DISTRO', '${ROS_DISTRO}')
        debian = f'ros-{distribution}-{package.replace("_", "-")}'
        raise MissingInterface(f'{name} needs {package}: apt install {debian}') from error
    if not hasattr(module, kind):
        raise MissingInterface(f'{name} is not in the {package} that is installed: too old, or new')
    return getattr(module, kind)
