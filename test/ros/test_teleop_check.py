"""The verb `teleop --check`: a gamepad is mapped into a cell file."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake_joy_driver import FakeJoyDriver
from processes import PATIENCE

from robo_dopamine_ros.nodes.cell_config import read_config

VERB = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'teleop', '--check']
CELL = 'cell: {ros__parameters: {nodes: [gate, teleop]}}  # mine\n'
AXES = {1: 1.0, 0: 1.0, 4: 1.0, 3: 1.0}  # x, y, z, yaw
BUTTONS = (6, 14, 1, 7, 0, 4, 10, 11, 12, 13, 3)  # in the order in which they are asked for


def test_a_gamepad_is_mapped_into_a_cell_file(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / 'cell.yaml'
    path.write_text(CELL)
    pad = FakeJoyDriver(bench, 'joy_node', [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0], 15)
    verb = subprocess.Popen(
        [*VERB, '--cell', str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert verb.stdout is not None
    output = verb.stdout.fileno()
    shown = ''

    def until(text: str, each: Callable[[], object] = int) -> None:
        nonlocal shown
        deadline = time.monotonic() + 2 * PATIENCE
        while text not in shown:
            assert time.monotonic() < deadline, f'no {text!r} in {shown[-600:]}'
            each()
            bench.executor.spin_once(timeout_sec=0.01)
            while select.select([output], [], [], 0)[0] and (text_read := os.read(output, 4096)):
                shown += text_read.decode()

    try:
        until('8 axes, 15 buttons; joy: a gamepad of unknown name')
        for axis, value in AXES.items():
            pad.press(**{f'a{axis}': value})
            until(f'axis {axis}, positive')
            pad.press(**{f'a{axis}': 0.0})
        for button in BUTTONS:
            until(f': button {button}\n', lambda b=button: _press(pad, b))  # type: ignore[misc]
        until('teleop.joy is mapped')
        assert verb.wait(PATIENCE) == 0
    finally:
        verb.kill()
        verb.wait()
    teleop = read_config(path)['teleop']
    assert teleop['joy.axes'][:5] == ['y', 'x', '', 'yaw', 'z']
    assert (teleop['joy.buttons'][6], teleop['joy.buttons'][14]) == ('dead_man', 'enable')
    assert path.read_text().startswith(CELL)


def _press(pad: FakeJoyDriver, button: int) -> None:
    """Press a button for a while, and let it go for a while."""
    pad.press(*([button] if int(4 * time.monotonic()) % 2 else []))
