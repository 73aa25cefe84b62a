"""`robo-dopamine doctor --gpu`: whether this machine's GPU computes what it should.

It compiles models of random numbers and the shipped compact one, builds them with TensorRT, and
compares what they say with ONNX Runtime, and that with torch.
"""

import argparse
import dataclasses
import json
import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.cli.bars import bar
from robo_dopamine_ros.ros.environment import shared

if TYPE_CHECKING:
    from robo_dopamine_ros.reward.selftest import Row

DRIVER = Path('/proc/driver/nvidia/version')
JETSON = Path('/etc/nv_tegra_release')
BUILT = ('fp32', 'bf16', 'fp16')  # precisions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the self-test takes."""
    parser.add_argument(
        '--gpu',
        action='store_true',
        help='build small models with TensorRT and compare what they compute; takes minutes',
    )


def run(args: argparse.Namespace) -> int:
    """Compare and print a verdict; 0 when TensorRT runs and all agree, 1 otherwise."""
    from robo_dopamine_ros.reward.selftest import compare, facts  # takes seconds: torch

    found, lacks = facts()
    found = {**machine(), **found}
    with bar() as show:
        rows = compare(Path(shared('models/grm')), () if lacks else BUILT, show)
    said = verdict(rows, lacks)
    good = not lacks and all(row.agrees for row in rows)
    print(as_json(found, rows, lacks, good) if args.json else as_text(found, rows, said))
    return 0 if good else 1


def machine() -> dict[str, str]:
    """The driver, and the release of a Jetson's system."""
    told = {}
    if JETSON.exists():
        told['Jetson'] = JETSON.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')
    if shutil.which('nvidia-smi'):
        words = ['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader']
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode == 0 and done.stdout.strip():
            told['driver'] = done.stdout.splitlines()[0].strip()
    elif DRIVER.exists():
        version = re.search(r'\b\d+\.\d+(\.\d+)?\b', DRIVER.read_text(encoding='utf-8'))
        told['driver'] = version[0] if version else 'unknown'
    return told


def verdict(rows: 'list[Row]', lacks: str) -> str:
    """One sentence."""
    wrong = [row for row in rows if not row.agrees]
    if wrong:
        return f'{len(wrong)} of {len(rows)} comparisons differ: do not trust this machine yet'
    if lacks:
        return f'ONNX Runtime computes what torch does; TensorRT was not tried: {lacks}'
    return f'TensorRT computes what ONNX Runtime does: {len(rows)} comparisons agree'


def as_json(found: dict[str, str], rows: 'list[Row]', lacks: str, good: bool) -> str:
    """One object; a difference that is no number is null."""

    def told(row: 'Row') -> dict[str, Any]:
        facts = {**dataclasses.asdict(row), 'agrees': row.agrees}
        return facts | {'difference': row.difference if math.isfinite(row.difference) else None}

    return json.dumps(
        {
            'good': good,
            'verdict': verdict(rows, lacks),
            'tensorrt_tried': not lacks,
            'machine': found,
            'comparisons': [told(row) for row in rows],
        },
        indent=2,
    )


def as_text(found: dict[str, str], rows: 'list[Row]', said: str) -> str:
    """The machine, a table, and what it comes to."""
    lines = [f'{name:20} {value}' for name, value in found.items()]
    lines += ['', f'{"graph":20} {"":6} {"engine":9} {"compared with":14} {"max |diff|":>10}  of']
    for row in rows:
        mark = 'ok' if row.agrees else '!!'
        measured = row.fault or f'{row.difference:10.2e}  {row.scale:.3g}'
        names = f'{row.graph:20} {row.precision:6} {row.engine:9} {row.reference:14}'
        lines.append(f'{names} {measured}  {mark}')
    return '\n'.join([*lines, '', said])
