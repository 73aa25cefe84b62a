"""The verb resume beside a real gate and a real conductor: all goes on, or it says why not."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from processes import CONDUCTOR, HERE, Child, Watcher

from robo_dopamine_ros.cli import resume
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import control_from_msg
from robo_dopamine_ros.types import Control, Outcome, Phase

GATE = ['-m', 'robo_dopamine_ros.nodes.gate']
DRIVER = [str(HERE.parent / 'drivers' / 'crisp_driver.py')]
UNARMED = ('stop_lock:=false', 'driver.crisp.wrench:=external_wrench', 'limits.force:=40.0')
CALM = ('limits.arm_timeout:=2.0', 'limits.stall:=2.0')  # on a machine that has much else to do
SERIES = ('episodes.auto:=true', 'episodes.interval:=0.2', 'episodes.task:=insert')


class Cell(Watcher):
    """Hears the gate as well."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: list[Control] = []
        self.keep(topics.CONTROL, control_from_msg, self.controls)

    def latched(self, latched: bool = True) -> bool:
        return bool(self.controls) and self.controls[-1].latched is latched


Start = Callable[..., Child]


@pytest.fixture
def cell(domain: int) -> Iterator[Cell]:
    with Cell() as cell:
        yield cell


@pytest.fixture
def start(domain: int) -> Iterator[Start]:
    children: list[Child] = []

    def start(arguments: list[str], *parameters: str) -> Child:
        children.append(Child(arguments, *parameters))
        return children[-1]

    yield start
    for child in children:
        child.kill()


def typed(*words: str) -> tuple[int, str]:
    """Type the verb; gives its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'resume', *words],
        capture_output=True, text=True, check=False, timeout=90, env=dict(os.environ),
    )  # fmt: skip
    assert 'Traceback' not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_one_command_after_a_stop_and_who_refuses_is_named(cell: Cell, start: Start) -> None:
    driver = start(DRIVER)
    start(GATE, *UNARMED, *CALM)
    start(CONDUCTOR, *SERIES)
    cell.until(lambda: cell.latched() and 'rearm to go' in cell.controls[-1].reason, 'no gate')
    cell.until(lambda: bool(cell.episodes), 'the conductor is not there')
    code, said = typed()
    assert code == 0, said
    assert 'gate: stopped: not armed yet; rearm to go on' in said
    assert 'gate: rearmed' in said
    assert said.endswith('-0000 is running: insert\n')
    code, said = typed()
    assert (code, said.count('\n')) == (0, 2), said
    assert said.endswith('-0000 is running: insert\n'), 'nothing stood in the way'

    cell.call(topics.STOP, topics.STOP.type.Request())
    cell.until(lambda: cell.episode.phase is Phase.ENDED, 'it runs on')
    assert cell.episode.decided_by.startswith('gate: ')
    code, said = typed()
    assert code == 0, said
    assert 'conductor: ended: aborted by gate: ' in said
    assert said.endswith('-0001 is running: insert\n')

    driver.say('push')
    cell.until(lambda: cell.episode.phase is Phase.ENDED, 'the push does nothing')
    code, said = typed()
    assert code == 2, said
    assert 'robo-dopamine: the gate refuses to rearm: ' in said
    assert cell.episode.index == 1


def test_where_nothing_runs_it_says_so(domain: int) -> None:
    code, said = typed('--namespace', 'left')
    assert code == 2
    assert said == (
        f'robo-dopamine: no cell runs in namespace /left, domain {domain}; '
        '`robo-dopamine up` starts one\n'
    )


def heard(watcher: Watcher) -> resume.Cell:
    cell = resume.Cell(watcher)
    cell.listen()
    return cell


def test_without_a_series_a_person_starts_the_next(cell: Cell, start: Start, monkeypatch) -> None:
    monkeypatch.setattr(resume, 'HEARD', 1.0)
    start(CONDUCTOR, 'episodes.task:=insert')
    started = cell.start_episode('', 20.0, lambda: None)
    cell.end_episode(Outcome.ABORTED, 'Ada', 20.0, lambda: None)
    cell.until(lambda: cell.episode.phase is Phase.ENDED, 'it did not end')
    assert started.index == 0
    assert heard(cell).go_on() == 'conductor: start_episode begins the next'


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [
        (('episodes.first:=3', 'episodes.rollouts:=3'), 'all 3 episodes are done'),
        (('episodes.recorded:=true',), 'the recorder is silent'),
    ],
)
def test_a_series_that_cannot_go_on_says_why(
    cell: Cell, start: Start, monkeypatch, parameters: tuple[str, ...], reason: str
) -> None:
    monkeypatch.setattr(resume, 'HEARD', 1.0)
    monkeypatch.setattr(resume, 'BEGUN', 2.0)
    start(CONDUCTOR, *SERIES, *parameters)
    cell.until(lambda: bool(cell.episodes), 'the conductor is not there')
    with pytest.raises(resume.ResumeError, match=f'the conductor begins no episode: {reason}'):
        heard(cell).go_on()


def test_a_gate_alone_has_no_episodes_to_go_on_with(cell: Cell, start: Start, monkeypatch) -> None:
    monkeypatch.setattr(resume, 'HEARD', 1.0)
    start(DRIVER)
    start(GATE, *UNARMED, *CALM)
    cell.until(cell.latched, 'the gate is not there')
    alone = heard(cell)
    assert alone.words == 'it does not run'
    cell.until(lambda: alone.latch != '' and 'rearm to go on' in alone.latch, 'it cannot be armed')
    alone.rearm()
    assert alone.latch == ''
    with pytest.raises(resume.ResumeError, match='no conductor runs'):
        alone.go_on()
