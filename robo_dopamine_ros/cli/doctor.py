"""`robo-dopamine doctor`: what is there for each way to run, what is missing, how to mend it.

With `--bounds` it looks at the arm instead, see cli/bounds.py, and with `--gpu` at what the GPU
computes, see cli/gpu.py.
"""

import argparse
import dataclasses
import json

from robo_dopamine_ros.cli import bounds, gpu
from robo_dopamine_ros.cli.checks import Finding, Machine, Way, examine
from robo_dopamine_ros.cli.machine import look

HELP = 'say what is there, what is missing, and how to mend it'
EXAMPLES = """\
examples:
  robo-dopamine doctor              all three ways; exit code 0 when the one in use is complete
  robo-dopamine doctor --way ros    let the exit code speak of a ROS 2 machine
  robo-dopamine doctor --bounds --margin 0.01 --out box.yaml
                                    the workspace box, from an arm that is led by hand
  robo-dopamine doctor --gpu        does TensorRT on this GPU compute what it should? takes minutes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        '--way',
        type=Way,
        choices=list(Way),
        metavar='{' + ','.join(way.value for way in Way) + '}',
        help='the way that decides the exit code (default: the one this interpreter runs)',
    )
    parser.add_argument('--json', action='store_true', help='one JSON object instead of text')
    gpu.add_arguments(parser)
    bounds.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Report; 0 when the way that decides is complete, 1 otherwise."""
    if args.bounds:
        return bounds.run(args)
    if args.gpu:
        return gpu.run(args)
    machine = look()
    report = {way: examine(machine, way) for way in Way}
    chosen = args.way or machine.way
    print(as_json(report, chosen) if args.json else as_text(report, chosen, machine))
    return 0 if complete(report[chosen]) else 1


def complete(findings: list[Finding]) -> bool:
    """Whether nothing is missing."""
    return all(finding.ok for finding in findings)


def as_json(report: dict[Way, list[Finding]], chosen: Way) -> str:
    """One object: the way that decides, and the findings of all three."""
    ways = {
        way.value: {
            'complete': complete(findings),
            'findings': [dataclasses.asdict(finding) for finding in findings],
        }
        for way, findings in report.items()
    }
    return json.dumps({'way': chosen.value, 'ways': ways}, indent=2)


def as_text(report: dict[Way, list[Finding]], chosen: Way, machine: Machine) -> str:
    """A block per way, the one that decides last, where a terminal's reader looks first."""
    lines = []
    for way in sorted(report, key=lambda way: way is chosen):
        lines += ['', way.title + (' (in use)' if way is machine.way else '')]
        for finding in report[way]:
            lines.append(f'  {"ok" if finding.ok else "!!"}  {finding.name:16} {finding.detail}')
            if finding.mend:
                lines.append(f'      {"mend with":16} {finding.mend}')
    missing = sum(not finding.ok for finding in report[chosen])
    need = 'needs' if missing == 1 else 'need'
    verdict = f'{missing} of {len(report[chosen])} {need} mending' if missing else 'complete'
    return '\n'.join([*lines[1:], '', f'{chosen.title}: {verdict}'])
