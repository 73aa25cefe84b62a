"""The command line `robo-dopamine`: parses the arguments and runs one verb."""

import argparse
import ast
import errno
import importlib
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType

from robo_dopamine_ros import __version__
from robo_dopamine_ros.cli import interrupts
from robo_dopamine_ros.ros import retired

PACKAGE = 'robo_dopamine_ros.'
VERBS = (  # in the order of the help
    *('demo', 'replay', 'adapt', 'export', 'compare'),
    *('evaluate', 'record', 'train'),
    *('up', 'teleop', 'episode', 'topics', 'rearm', 'bench', 'doctor'),
)
EXIT_ERROR = 2  # exit code
TRACEBACK = 'ROBO_DOPAMINE_TRACEBACK'  # environment variable: show tracebacks of known errors
EXAMPLES = """\
examples:
  robo-dopamine demo                                  an arm, three cameras, a live reward
  robo-dopamine adapt DEMO_DIR --out runs/model       teach the reward model your task
  robo-dopamine replay EPISODE_DIR --model runs/model
  robo-dopamine VERB --help                           what a verb takes, with examples
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns its exit code, 2 for errors of the user, 130 after Ctrl-C."""
    words = sys.argv[1:] if argv is None else argv
    os.environ.setdefault('OPENCV_LOG_LEVEL', 'SILENT')  # our own errors name the file
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
    warnings.showwarning = _show_warning
    try:
        parser, module = _parser(words)
        args = parser.parse_args(words)
        if module is None:
            parser.print_help()
            return EXIT_ERROR
        with interrupts.remembered():
            return module.run(args)
    except KeyboardInterrupt:
        return interrupts.EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if interrupts.pressed():  # a library made another error of it
            return interrupts.EXIT_INTERRUPTED
        if not _is_known(error) or os.environ.get(TRACEBACK):
            raise
        print(f'robo-dopamine: {_text(error)}', file=sys.stderr)
        return EXIT_ERROR


def _parser(words: list[str]) -> tuple[argparse.ArgumentParser, ModuleType | None]:
    """Build the parser, importing the chosen verb only; RetiredNameError for an old name."""
    chosen = next((word for word in words if word in (*VERBS, *retired.VERBS)), '')
    retired.check_command_line(words, chosen)
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
    """Read HELP of a verb's module without importing it."""
    tree = ast.parse(Path(__file__).with_name(f'{verb}.py').read_text(encoding='utf-8'))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'HELP':
            return ast.literal_eval(node.value)
    raise LookupError(f'{verb}.py has no HELP')


def _is_known(error: Exception) -> bool:
    """Whether the message of an error is enough: ours, missing files, values our code refused."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    raiser = str(frame.tb_frame.f_globals.get('__name__')) if frame else ''
    refused = type(error) is ValueError and raiser.startswith(PACKAGE)
    missing = isinstance(error, OSError) and (
        error.filename is not None or error.errno == errno.ENOSPC
    )
    return type(error).__module__.startswith(PACKAGE) or missing or refused


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f'{error.filename}: {error.strerror}'
    return str(error)


def _show_warning(
    message: Warning | str, category: type[Warning], *_: object, **__: object
) -> None:
    """Print our own warnings in one line, and hide those of libraries."""
    if category.__module__.startswith(PACKAGE):
        print(f'robo-dopamine: {message}', file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
