"""Entry point of the command: imports little until Ctrl-C is taken care of."""

import sys

from robo_dopamine_ros.cli import interrupts


def main() -> int:
    """Run the command line; returns the exit code of the process."""
    interrupts.leave_at_once()
    from robo_dopamine_ros.cli.main import main as run_command

    return run_command()


if __name__ == '__main__':
    sys.exit(main())
