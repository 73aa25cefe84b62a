"""Message types by the names ROS prints, imported where they are used."""

import importlib
import os
from typing import Any


class MissingInterface(ImportError):
    """A type whose package is not installed, or is too old to have it."""


def interface(name: str) -> Any:
    """Give the class of `package/msg/Name` (or srv, or action).

    Raises MissingInterface, which says what to install: few machines have every driver's messages.
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
