"""Packages of vendors as stand-ins in a folder of the test: what launch starts, and with what."""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

STAND_IN = Path(__file__).with_name('stand_in.py')
INCLUDED = """
import json
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction


def note(context):
    given = {{name: context.launch_configurations[name] for name in {names}}}
    with open({note!r}, 'a') as file:
        file.write(json.dumps(given) + chr(10))


def generate_launch_description():
    arguments = [DeclareLaunchArgument(name, default_value='default') for name in {names}]
    return LaunchDescription([*arguments, OpaqueFunction(function=note)])
"""


class Vendors:
    """A prefix that launch looks into first."""

    def __init__(self, prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._prefix = prefix
        path = f'{prefix}{os.pathsep}{os.environ.get("AMENT_PREFIX_PATH", "")}'
        monkeypatch.setenv('AMENT_PREFIX_PATH', path)

    def program(self, package: str, name: str, pictures: str = '-') -> None:
        """Install a program that notes how it was started; and shows pictures on a topic."""
        words = [sys.executable, str(STAND_IN), str(self._note(package, name)), pictures]
        file = self._file(package, 'lib', package, name)
        file.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        file.chmod(0o755)

    def launch_file(self, package: str, name: str, arguments: Sequence[str]) -> None:
        """Install a launch file with these arguments, which notes them."""
        note = str(self._note(package, name))
        text = INCLUDED.format(names=list(arguments), note=note)
        self._file(package, 'share', package, 'launch', name).write_text(text)

    def package(self, name: str) -> None:
        """Install a package of which nothing is started."""
        self._file(name, 'share', name, 'package.xml').write_text('<package/>')

    def noted(self, package: str, name: str) -> list[dict[str, Any]]:
        """What a program or launch file was given, each time it was started."""
        note = self._note(package, name)
        return [json.loads(line) for line in note.read_text().splitlines()] if note.exists() else []

    def _note(self, package: str, name: str) -> Path:
        return self._prefix / f'{package}.{name}.json'

    def _file(self, package: str, *parts: str) -> Path:
        marker = self._prefix.joinpath('share/ament_index/resource_index/packages', package)
        path = self._prefix.joinpath(*parts)
        for file in (marker, path):
            file.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        return path
