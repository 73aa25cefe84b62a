"""The processes of a cell, described once: what starts, with which parameters, and what if it dies.

`robo-dopamine` starts them as plain processes, launch files as launch actions.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Value = bool | int | float | str | list[str] | list[float]


@dataclass(frozen=True)
class Process:
    """One node in a process of its own."""

    executable: str  # entry point in setup.cfg and module below robo_dopamine_ros.nodes
    name: str = ''  # of the node; the executable's when empty
    parameters: Mapping[str, Value] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)
    settings: Path | None = None  # ROS parameter file, read before `parameters`
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
        if self.settings:
            arguments += ['--params-file', str(self.settings)]
        for key, value in self.parameters.items():
            arguments += ['-p', f'{key}:={json.dumps(value)}']
        return [sys.executable, '-m', f'robo_dopamine_ros.nodes.{self.executable}', *arguments]


def watch(
    model: Path | None, views: Sequence[str] = (), settings: Path | None = None
) -> tuple[Process, ...]:
    """Reward for cameras that others publish."""
    parameters: dict[str, Value] = {}
    if model is not None:
        parameters['model'] = str(model)
    if views:
        parameters['cameras.views'] = list(views)
    return (
        Process('reward', parameters=parameters, settings=settings),
        Process('conductor', settings=settings),
    )


def replay(
    episode: Path, model: Path | None, views: Sequence[str], speed: float = 1.0
) -> tuple[Process, ...]:
    """A recorded episode in place of cameras."""
    player = Process('player', parameters={'episode': str(episode), 'speed': speed})
    reward, _ = watch(model, views)
    conductor = Process('conductor', parameters={'episodes.time_limit': 0.0})  # it ends by itself
    return player, reward, conductor


def demo(model: Path | None, seed: int) -> tuple[Process, ...]:
    """A simulated arm with a scripted operator who errs and recovers, watched by the model."""
    sim = Process(
        'sim',
        parameters={
            'conduct.operator': 'scripted',
            'conduct.style': 'recovery',
            'conduct.seed': seed,
        },
    )
    return (sim, *watch(model))
