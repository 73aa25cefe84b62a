import io
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.cli.supervisor import ProcessDiedError, Supervisor, console_log
from robo_dopamine_ros.nodes.cell import Process


@dataclass(frozen=True)
class Script(Process):
    """A process that runs a few lines of Python."""

    code: str = ''

    def command(self):
        return [sys.executable, '-c', self.code]


FOREVER = 'import time\nprint("up")\ntime.sleep(600)'
STUBBORN = 'import signal, time\nsignal.signal(2, signal.SIG_IGN)\nprint("up")\ntime.sleep(600)'


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'waited in vain'
        time.sleep(0.01)


def alive(pid):
    """Whether a process runs; one that only waits for its parent to notice does not."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')')[-1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_all_are_stopped_even_those_that_ignore_ctrl_c(tmp_path):
    said = []
    scripts = [Script('one', code=FOREVER), Script('two', code=STUBBORN)]
    with Supervisor(scripts, os.environ, lambda *words: said.append(words), tmp_path) as cell:
        until(lambda: {('one', 'up'), ('two', 'up')} <= set(said))
        cell.check()
        pids = cell.pids()
    assert not any(alive(pid) for pid in pids.values())
    assert (tmp_path / 'one.log').read_text().startswith('up\n')


def test_a_death_is_told_with_the_last_words():
    script = Script('arm', code='import sys\nprint("no motor")\nsys.exit(3)')

    def died():
        try:
            cell.check()
        except ProcessDiedError as error:
            reasons.append(str(error))
        return reasons

    reasons = []
    with Supervisor([script, Script('other', code=FOREVER)], os.environ, lambda *w: None) as cell:
        until(died)
        pids = cell.pids()
    assert reasons[0] == 'arm ended with exit code 3: no motor'
    assert not alive(pids['other'])


def test_logs_are_shown_without_what_people_need_not_read():
    stream = io.StringIO()
    show, everything = (console_log(StatusConsole(stream), verbose) for verbose in (False, True))
    show('sim', '[INFO] [1795.25] [sim]: up')
    show('sim', '[WARN] [1795.25] [sim]: slow')
    everything('sim', '[INFO] [1795.25] [sim]: up')
    show('sim', 'Traceback')
    assert stream.getvalue().splitlines() == ['sim: slow', 'sim: up', 'sim: Traceback']


def test_a_signal_is_named():
    with Supervisor([Script('arm', code=FOREVER)], os.environ, lambda *w: None) as cell:
        os.kill(cell.pids()['arm'], signal.SIGKILL)
        with pytest.raises(ProcessDiedError, match='arm was ended by SIGKILL'):
            until(lambda: cell.check())


def test_what_may_be_started_again_is():
    said = []
    script = Script('page', code=FOREVER, respawn=True)
    with Supervisor([script], os.environ, lambda *words: said.append(words)) as cell:
        first = cell.pids()['page']
        os.kill(first, signal.SIGKILL)
        until(lambda: cell.check() or cell.pids()['page'] != first)
    assert ('page', 'was ended by SIGKILL; starting it again') in said


@pytest.mark.parametrize(('code', 'lives'), [(1, 3), (2, 1)])
def test_who_dies_at_once_is_not_started_for_ever(code, lives):
    said = []
    script = Script('page', code=f'print("up")\nraise SystemExit({code})', respawn=True)
    with Supervisor([script], os.environ, lambda *words: said.append(words)) as cell:  # noqa: SIM117
        with pytest.raises(ProcessDiedError, match=f'page ended with exit code {code}: up'):
            until(lambda: cell.check())
    assert said.count(('page', 'up')) == lives


def test_commands_carry_names_parameters_and_remappings():
    process = Process('reward', 'watcher', {'rate': 10.0, 'views': ['front'], 'task': 'a "b"'},
                      {'progress': 'other'})  # fmt: skip
    assert process.command()[1:] == [
        '-m', 'robo_dopamine_ros.nodes.reward', '--ros-args', '-r', '__node:=watcher',
        '-r', 'progress:=other', '-p', 'rate:=10.0', '-p', 'views:=["front"]',
        '-p', 'task:="a \\"b\\""',
    ]  # fmt: skip


def test_an_executable_must_be_a_module():
    with pytest.raises(ValueError, match="executable = 'rm -rf'"):
        Process('rm -rf')


def test_ctrl_c_while_starting_leaves_nothing_behind():
    class Interrupting(Script):
        def command(self):
            os.kill(os.getpid(), signal.SIGINT)
            return super().command()

    cell = Supervisor([Interrupting('one', code=FOREVER), Script('two', code=FOREVER)], os.environ,
                lambda *words: None)  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        cell.__enter__()
    assert len(cell.pids()) == 2
    assert not any(alive(pid) for pid in cell.pids().values())
