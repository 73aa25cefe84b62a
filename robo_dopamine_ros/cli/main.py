"""The command line `robo-dopamine`: finds the verb and lets it run."""

import argparse
import ast
import importlib
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import TextIO

from robo_dopamine_ros import __version__

PACKAGE = 'robo_dopamine_ros.'
VERBS = (  # in this order
    *('demo', 'replay', 'adapt', 'export', 'fidelity'),
    *('evaluate', 'record', 'train'),
    *('up', 'resume', 'teleop', 'bench', 'doctor'),
)
FAULT, INTERRUPTED = 2, 130  # exit codes
TRACEBACK = 'ROBO_DOPAMINE_TRACEBACK'  # environment: show where an error came from
EXAMPLES = """\
examples:
  robo-dopamine demo                                  an arm, three cameras, a live reward
  robo-dopamine adapt DEMO_DIR --out runs/model       teach the reward model your task
  robo-dopamine replay EPISODE_DIR --model runs/model
  robo-dopamine VERB --help                           what a verb takes, with examples
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb; gives its exit code, 2 for errors a person can mend, 130 after Ctrl-C."""
    words = sys.argv[1:] if argv is None else argv
    os.environ.setdefault('OPENCV_LOG_LEVEL', 'SILENT')  # our errors name the file; OpenCV's do not
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
    warnings.showwarning = _show_warning
    try:
        parser, module = _parser(words)
        args = parser.parse_args(words)
        if module is None:
            parser.print_help()
            return FAULT
        return module.run(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not _is_known(error) or os.environ.get(TRACEBACK):
            raise
        print(f'robo-dopamine: {_text(error)}', file=sys.stderr)
        return FAULT


def _parser(words: list[str]) -> tuple[argparse.ArgumentParser, ModuleType | None]:
    """Build the parser; of the verbs only the one that was asked for is imported."""
    chosen = next((word for word in words if word in VERBS), None)
    module = None
    parser = argparse.ArgumentParser(
        prog='robo-dopamine',
        description='Live task progress and reward from cameras, for robots that learn.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=__version__)
    subparsers = parser.add_subparsers(metavar='VERB', title='verbs')
    for verb in VERBS:
        summary = _summary(verb)
        added = subparsers.add_parser(
            verb,
            help=summary,
            description=summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if verb == chosen:
            module = importlib.import_module(f'robo_dopamine_ros.cli.{verb}')
            added.epilog = getattr(module, 'EXAMPLES', None)
            module.add_arguments(added)
    return parser, module


def _summary(verb: str) -> str:
    """Read HELP of a verb's module without importing what the verb needs."""
    tree = ast.parse(Path(__file__).with_name(f'{verb}.py').read_text(encoding='utf-8'))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'HELP':
            return ast.literal_eval(node.value)
    raise LookupError(f'{verb}.py has no HELP')


def _is_known(error: Exception) -> bool:
    """Whether an error was raised on purpose and says all a person needs.

    Those are our own classes, files that cannot be had, and values our own code refused.
    """
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    raiser = str(place.tb_frame.f_globals.get('__name__')) if place else ''
    refused = type(error) is ValueError and raiser.startswith(PACKAGE)
    missing = isinstance(error, OSError) and error.filename is not None
    return type(error).__module__.startswith(PACKAGE) or missing or refused


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f'{error.filename}: {error.strerror}'
    return str(error)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say our own warnings in one line; those of libraries are for their developers."""
    if category.__module__.startswith(PACKAGE):
        print(f'robo-dopamine: {message}', file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
