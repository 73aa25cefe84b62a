"""Losses that a moving arm must survive, on real processes; bench/faults.py has all of them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / 'bench'
SLACK = 3  # time-outs and promises are so much longer, for a machine that has much else to do
LATCHED = {
    'policy killed': 'policy/command is silent',
    'state frozen': 'silence on current_pose',
    'second teleop/command': '2 publishers on /teleop/command',
    'zone frozen': "safety/zone of 'scanner' is silent",
    'person: gamepad killed': 'teleop/command is silent',
    'gate frozen': 'the gate stood still',
    'joy not repeated': 'the stop lock is locked',
    'person: SpaceMouse pulled': 'the stop lock is locked',
}
HELD = {'camera frozen': 'left_wrist is', 'enable released': 'the enabling switch is released'}


def test_what_is_promised_for_a_loss_happens(domain: int, tmp_path: Path) -> None:
    report = tmp_path / 'faults.json'
    names = [*HELD, *LATCHED]
    bench = [sys.executable, str(BENCH / 'faults.py'), '--slack', str(SLACK), '--json', str(report)]
    command = ['timeout', '150', *bench, '--only', *names]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row['row']: row for row in json.loads(report.read_text())['rows']}
    assert set(rows) == set(names)
    for name, words in (HELD | LATCHED).items():
        row = rows[name]
        assert words in row['reason'], row
        assert row['diagnosis'], row
        assert row['latched'] == (name in LATCHED), row
        assert row['still'] <= 0.5 * SLACK, row
        assert row['way'] > 0.0005, f'it did not move before: {row}'
    for name in LATCHED:
        assert rows[name]['ended_by'].startswith('gate: '), rows[name]
        assert rows[name]['strayed'] <= 0.002, f'it moved by itself: {rows[name]}'
        assert rows[name]['again'] is not None, f'it never moved again: {rows[name]}'
    assert rows['state frozen']['refused'].startswith('silence on current_pose')


@pytest.mark.parametrize(('stop', 'seconds'), [(0.3, 0.3), (0.0, 0.0), (9.0, np.inf)])
def test_the_bench_knows_when_the_arm_stands(
    stop: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from _fault_log import ToolPosition, standstill

    times = np.arange(0.02, 1.0, 0.02)
    tracks = [np.array([0.05 * min(t, stop), 0.0, 0.0]) for t in times]
    positions = [ToolPosition(round(t * 1e9), p) for t, p in zip(times, tracks, strict=True)]
    came, distance = standstill(positions, 0)
    assert came == pytest.approx(seconds, abs=0.03)
    assert np.isinf(came) or distance == pytest.approx(0.05 * max(stop - 0.02, 0.0), abs=1e-3)
