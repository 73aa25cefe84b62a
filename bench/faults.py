"""What a moving arm does in every fault: kill -9 and SIGSTOP of real processes, and other losses.

    .venv/bin/robo-dopamine bench faults
    .venv/bin/python bench/faults.py [--only 'policy*' 'person: *'] [--slack 1] [--list]

A whole cell runs over DDS: simulated arm, gate with the limits for hardware, teleoperation, reward,
episode manager, and stand-ins for a policy, a gamepad and the cables of camera, arm state and stop
lock. Measured for each fault: when the arm stood, observed at the arm; whether the gate latched;
the reason in `control` and in diagnostics; that nothing moved by itself once the cause was removed,
nor by rearming; and that everything worked again afterwards. The exit code is non-zero when a
promise was broken.
"""

import argparse
import fnmatch
import json
import math
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from robo_dopamine_ros.ros import environment

environment.activate()

from _fault_cell import FaultCell  # noqa: E402
from _fault_run import FaultResult, run_case  # noqa: E402
from _faults import CASES, FaultCase  # noqa: E402 (needs the environment)

from robo_dopamine_ros.cli.dds_domain import free_domain  # noqa: E402

HEADINGS = f'{"fault":26}{"promise":>12}{"hold":>7}{"still":>7}{"way":>7}{"then":>7}{"again":>7}'
UNITS = f'{"":26}{"":>12}{"[s]":>7}{"[s]":>7}{"[mm]":>7}{"[mm]":>7}{"[s]":>7}'
DIGITS = (2, 2, 1, 1, 1)


def format_row(seen: FaultResult) -> str:
    """Return one row of the table, and the texts that belong to it."""
    numbers = (seen.hold, seen.still, 1e3 * seen.way, 1e3 * seen.strayed, seen.again)
    texts = ('-' if math.isnan(n) else f'{n:.{d}f}' for n, d in zip(numbers, DIGITS, strict=True))
    line = f'{seen.row:26}{seen.promise:>12}' + ''.join(f'{text:>7}' for text in texts)
    line += '  BROKEN: ' + '; '.join(seen.broken) if seen.broken else '  kept'
    details = {'control': seen.reason, 'diagnostics': seen.diagnosis, 'episode': seen.ended_by}
    return '\n'.join([line, *(f'    {k}: {v}' for k, v in details.items() if v)])


def run(
    rows: Sequence[FaultCase], slack: float, logs: Path | None
) -> tuple[list[FaultResult], list[str]]:
    """Inject the faults, one after the other, into one cell for each device of the operator.

    Returns the results and the false alarms.
    """
    results: list[FaultResult] = []
    alarms: list[str] = []
    for device in dict.fromkeys(row.device for row in rows):
        began = time.monotonic()
        with FaultCell(slack, logs, device) as cell:
            took = time.monotonic() - began
            print(f'cell with {device} up after {took:.0f} s\n{HEADINGS}\n{UNITS}', flush=True)
            for row in (row for row in rows if row.device == device):
                results.append(run_case(cell, row, slack))
                print(format_row(results[-1]), flush=True)
            alarms += cell.alarms
    return results, alarms


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--only', nargs='+', metavar='PATTERN', default=['*'], help='rows by name')
    parser.add_argument('--list', action='store_true', help='name the rows')
    parser.add_argument('--slack', type=float, default=1.0, help='factor for timeouts and promises')
    parser.add_argument('--logs', type=Path, help='folder for the logs of the processes')
    parser.add_argument('--json', type=Path, help='file for the result')
    args = parser.parse_args()
    rows = [r for r in CASES if any(fnmatch.fnmatch(r.name, pattern) for pattern in args.only)]
    if args.list or not rows:
        print('\n'.join(f'{row.name:26}{row.promise(args.slack):>12}' for row in CASES))
        return 0 if args.list else 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all processes are ended
    os.environ['ROS_DOMAIN_ID'] = str(free_domain())
    machine = f'{platform.machine()}, {os.cpu_count()} cores'
    print(f'{len(rows)} faults, slack {args.slack:g}; {machine}', flush=True)
    began = time.monotonic()
    results, alarms = run(rows, args.slack, args.logs)
    kept, took = sum(not seen.broken for seen in results), time.monotonic() - began
    print(f'{kept} of {len(rows)} as promised, {took:.0f} s; false alarms: {len(alarms)}')
    for alarm in alarms:
        print(f'    {alarm}')
    if args.json:
        report = {'machine': machine, 'slack': args.slack, 'seconds': took, 'false_alarms': alarms}
        report['rows'] = [finite(asdict(seen)) for seen in results]
        args.json.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
    return 0 if kept == len(rows) else 1


def finite(values: dict[str, object]) -> dict[str, object]:
    """Replace NaN and infinity, which JSON does not have."""
    numbers = {k for k, v in values.items() if isinstance(v, float) and not math.isfinite(v)}
    return {key: None if key in numbers else value for key, value in values.items()}


if __name__ == '__main__':
    sys.exit(main())
