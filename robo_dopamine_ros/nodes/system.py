"""The processes of a cell, described once: what starts, with which parameters, and what if it dies.

`robo-dopamine` starts them as plain processes, launch files as launch actions.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

Value = bool | int | float | str | list[str] | list[float]


@dataclass(frozen=True)
class Process:
    """One node in a process of its own."""

    executable: str  # entry point in setup.cfg and module below robo_dopamine_ros.nodes
    name: str = ''  # of the node; the executable's when empty
    parameters: Mapping[str, Value] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)
    respawn: bool = False  # start again when it dies; otherwise its death ends the cell

    def __post_init__(self) -> None:
        if not self.executable.isidentifier():
            raise ValueError(f'executable = {self.executable!r}; it must name a module of nodes/')

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.executable

    def command(self) -> list[str]:
        """Give the command line that starts it with this interpreter."""
        arguments = ['--ros-args', '-r', f'__node:={self.title}']
        for old, new in self.remappings.items():
            arguments += ['-r', f'{old}:={new}']
        for key, value in self.parameters.items():
            arguments += ['-p', f'{key}:={json.dumps(value)}']
        return [sys.executable, '-m', f'robo_dopamine_ros.nodes.{self.executable}', *arguments]
