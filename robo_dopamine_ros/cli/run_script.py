"""Runs a Python file as its own process would, but ends quietly on Ctrl-C: `-m ... FILE ARGS`."""

import runpy
import sys
from pathlib import Path

from robo_dopamine_ros.cli import interrupts


def main() -> int:
    """Run the file; returns 130 after Ctrl-C."""
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    try:
        runpy.run_path(sys.argv[0], run_name='__main__')
    except KeyboardInterrupt:
        return interrupts.EXIT_INTERRUPTED
    return 0


if __name__ == '__main__':
    interrupts.leave_at_once()
    with interrupts.remembered():
        sys.exit(main())
