"""The verb `doctor`: checks each way of installing and names the commands that mend it.

With `--bounds` it records a workspace box instead, see cli/record_workspace.py, and with `--gpu` it
tests what the GPU computes, see cli/gpu.py.
"""

import argparse
import dataclasses
import json

from robo_dopamine_ros.cli import gpu, record_workspace
from robo_dopamine_ros.cli.doctor_checks import examine
from robo_dopamine_ros.cli.system_info import Finding, InstallMode, SystemInfo, probe_system

HELP = 'check the installation, and name the commands that mend it'
EXAMPLES = """\
examples:
  robo-dopamine doctor              all three ways; exit code 0 when the one in use is complete
  robo-dopamine doctor --mode ros   take the exit code from the checks of a ROS 2 machine
  robo-dopamine doctor --bounds --margin 0.01 --out box.yaml
                                    the workspace box, from an arm that is guided by hand
  robo-dopamine doctor --gpu        does TensorRT on this GPU compute what it should? takes minutes
"""
MODES = tuple(mode.value for mode in InstallMode)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument(
        '--mode',
        type=install_mode,
        metavar='{' + ','.join(MODES) + '}',
        help='the one that decides the exit code (default: that of this interpreter)',
    )
    parser.add_argument('--json', action='store_true', help='one JSON object instead of text')
    gpu.add_arguments(parser)
    record_workspace.add_arguments(parser)


def install_mode(text: str) -> InstallMode:
    """Return the mode of a name; ArgumentTypeError names those there are."""
    if text not in MODES:
        known = ', '.join(MODES)
        raise argparse.ArgumentTypeError(f'invalid choice: {text!r} (choose from {known})')
    return InstallMode(text)


def run(args: argparse.Namespace) -> int:
    """Print the report; returns 0 if the chosen mode is complete, 1 otherwise."""
    if args.bounds:
        return record_workspace.run(args)
    if args.gpu:
        return gpu.run(args)
    system = probe_system()
    report = {mode: examine(system, mode) for mode in InstallMode}
    chosen = args.mode or system.mode
    print(as_json(report, chosen) if args.json else as_text(report, chosen, system))
    return 0 if complete(report[chosen]) else 1


def complete(findings: list[Finding]) -> bool:
    """Whether every check passed."""
    return all(finding.ok for finding in findings)


def as_json(report: dict[InstallMode, list[Finding]], chosen: InstallMode) -> str:
    """Return a JSON object: the mode that decides, and the findings of all three."""
    modes = {
        mode.value: {
            'complete': complete(findings),
            'findings': [dataclasses.asdict(finding) for finding in findings],
        }
        for mode, findings in report.items()
    }
    return json.dumps({'way': chosen.value, 'ways': modes}, indent=2)


def as_text(
    report: dict[InstallMode, list[Finding]], chosen: InstallMode, system: SystemInfo
) -> str:
    """Return a block of text for every mode, the one that decides last."""
    lines = []
    for mode in sorted(report, key=lambda mode: mode is chosen):
        lines += ['', mode.title + (' (in use)' if mode is system.mode else '')]
        for finding in report[mode]:
            lines.append(f'  {"ok" if finding.ok else "!!"}  {finding.name:16} {finding.detail}')
            if finding.mend:
                lines.append(f'      {"mend with":16} {finding.mend}')
    missing = sum(not finding.ok for finding in report[chosen])
    need = 'needs' if missing == 1 else 'need'
    verdict = f'{missing} of {len(report[chosen])} {need} mending' if missing else 'complete'
    return '\n'.join([*lines[1:], '', f'{chosen.title}: {verdict}'])
