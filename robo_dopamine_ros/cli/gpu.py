"""`robo-dopamine doctor --gpu`: checks that TensorRT computes correctly on the GPU of this machine.

Exports models with random weights and the shipped compact model, builds TensorRT engines, and
compares their outputs with ONNX Runtime, and those with torch.
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

from robo_dopamine_ros.cli.console import progress_bar
from robo_dopamine_ros.ros.environment import shared_path

if TYPE_CHECKING:
    from robo_dopamine_ros.grm.selftest import EngineComparison

DRIVER = Path('/proc/driver/nvidia/version')
JETSON = Path('/etc/nv_tegra_release')
TESTED_PRECISIONS = ('fp32', 'bf16', 'fp16')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the option of the self-test."""
    parser.add_argument(
        '--gpu',
        action='store_true',
        help='build small models with TensorRT and compare what they compute; takes minutes',
    )


def run(args: argparse.Namespace) -> int:
    """Run and print the comparisons; exit code 0 if TensorRT runs and all agree, else 1."""
    from robo_dopamine_ros.grm.selftest import compare_engines, gpu_summary  # takes seconds: torch

    summary, missing = gpu_summary()
    summary = {**machine(), **summary}
    with progress_bar() as report:
        precisions = () if missing else TESTED_PRECISIONS
        rows = compare_engines(Path(shared_path('models/grm')), precisions, report)
    good = not missing and all(row.agrees for row in rows)
    render = as_json if args.json else as_text
    print(render(summary, rows, missing))
    return 0 if good else 1


def machine() -> dict[str, str]:
    """Version of the NVIDIA driver, and the Jetson release."""
    versions = {}
    if JETSON.exists():
        versions['Jetson'] = JETSON.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')
    if shutil.which('nvidia-smi'):
        command = ['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader']
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode == 0 and done.stdout.strip():
            versions['driver'] = done.stdout.splitlines()[0].strip()
    elif DRIVER.exists():
        version = re.search(r'\b\d+\.\d+(\.\d+)?\b', DRIVER.read_text(encoding='utf-8'))
        versions['driver'] = version[0] if version else 'unknown'
    return versions


def verdict(rows: 'list[EngineComparison]', missing: str) -> str:
    """The result as one sentence; `missing` says why TensorRT could not run, or is empty."""
    wrong = [row for row in rows if not row.agrees]
    if wrong:
        return f'{len(wrong)} of {len(rows)} comparisons differ: do not trust this machine yet'
    if missing:
        return f'ONNX Runtime computes what torch does; TensorRT was not tried: {missing}'
    return f'TensorRT computes what ONNX Runtime does: {len(rows)} comparisons agree'


def as_json(summary: dict[str, str], rows: 'list[EngineComparison]', missing: str) -> str:
    """The result as one JSON object; a difference that is not finite is null."""

    def as_dict(row: 'EngineComparison') -> dict[str, Any]:
        fields = {**dataclasses.asdict(row), 'fault': row.error, 'agrees': row.agrees}
        del fields['error']
        return fields | {'difference': row.difference if math.isfinite(row.difference) else None}

    return json.dumps(
        {
            'good': not missing and all(row.agrees for row in rows),
            'verdict': verdict(rows, missing),
            'tensorrt_tried': not missing,
            'machine': summary,
            'comparisons': [as_dict(row) for row in rows],
        },
        indent=2,
    )


def as_text(summary: dict[str, str], rows: 'list[EngineComparison]', missing: str) -> str:
    """The machine, a table of the comparisons, and the verdict."""
    lines = [f'{name:20} {value}' for name, value in summary.items()]
    lines += ['', f'{"graph":20} {"":6} {"engine":9} {"compared with":14} {"max |diff|":>10}  of']
    for row in rows:
        mark = 'ok' if row.agrees else '!!'
        measured = row.error or f'{row.difference:10.2e}  {row.scale:.3g}'
        names = f'{row.graph:20} {row.precision:6} {row.engine:9} {row.reference:14}'
        lines.append(f'{names} {measured}  {mark}')
    return '\n'.join([*lines, '', verdict(rows, missing)])
