"""The verb rearm beside a real gate and episode manager: the cell continues, or it says why not."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from processes import EPISODE_MANAGER, HERE, Child, Watcher

from robo_dopamine_ros.cli import rearm
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg
from robo_dopamine_ros.types import Control, Outcome, Phase

GATE = ['-m', 'robo_dopamine_ros.nodes.gate']
DRIVER = [str(HERE.parent / 'drivers' / 'crisp_driver.py')]
UNARMED = (
    *('simulated:=true', 'stop_lock:=false', 'enable:=none'),
    *('driver.crisp.wrench:=external_wrench', 'limits.force:=40.0'),
)
CALM = ('limits.arm_timeout:=2.0', 'limits.tick_timeout:=2.0')  # on a busy machine
SERIES = ('episodes.auto_start:=true', 'episodes.interval:=0.2', 'episodes.task:=insert')


class Cell(Watcher):
    """Receives the gate's messages as well."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: list[Control] = []
        self.subscribe(topics.CONTROL, from_msg, self.controls)

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
    """Run the verb; returns its exit code and output."""
    done = subprocess.run(
        [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'rearm', *words],
        capture_output=True, text=True, check=False, timeout=90, env=dict(os.environ),
    )  # fmt: skip
    assert 'Traceback' not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_one_command_after_a_stop_and_who_refuses_is_named(cell: Cell, start: Start) -> None:
    driver = start(DRIVER)
    start(GATE, *UNARMED, *CALM)
    start(EPISODE_MANAGER, *SERIES)
    cell.until(lambda: cell.latched() and 'rearm to go' in cell.controls[-1].reason, 'no gate')
    cell.until(lambda: bool(cell.episodes), 'the episode manager is not there')
    code, said = typed()
    assert code == 0, said
    assert 'gate: stopped: not armed yet; rearm to go on (robo-dopamine rearm)' in said
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
    assert 'episode_manager: ended: aborted by gate: ' in said
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


def connected(watcher: Watcher) -> rearm.RearmClient:
    client = rearm.RearmClient(watcher)
    client.wait_for_nodes()
    return client


def test_without_a_series_a_person_starts_the_next(cell: Cell, start: Start, monkeypatch) -> None:
    monkeypatch.setattr(rearm, 'LISTEN_TIMEOUT', 1.0)
    start(EPISODE_MANAGER, 'episodes.task:=insert')
    started = cell.start_episode('', 20.0, lambda: None)
    cell.end_episode(Outcome.ABORTED, 'Ada', 20.0, lambda: None)
    cell.until(lambda: cell.episode.phase is Phase.ENDED, 'it did not end')
    assert started.index == 0
    assert connected(cell).resume_episodes() == 'episode_manager: start_episode begins the next'


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [
        (('episodes.first_index:=3', 'episodes.rollouts:=3'), 'all 3 episodes are done'),
        (('episodes.require_recorder:=true',), 'the recorder is silent'),
    ],
)
def test_a_series_that_cannot_go_on_says_why(
    cell: Cell, start: Start, monkeypatch, parameters: tuple[str, ...], reason: str
) -> None:
    monkeypatch.setattr(rearm, 'LISTEN_TIMEOUT', 1.0)
    monkeypatch.setattr(rearm, 'EPISODE_TIMEOUT', 2.0)
    start(EPISODE_MANAGER, *SERIES, *parameters)
    cell.until(lambda: bool(cell.episodes), 'the episode manager is not there')
    with pytest.raises(rearm.RearmError, match=f'the episode manager begins no episode: {reason}'):
        connected(cell).resume_episodes()


def test_a_gate_alone_has_no_episodes_to_go_on_with(cell: Cell, start: Start, monkeypatch) -> None:
    monkeypatch.setattr(rearm, 'LISTEN_TIMEOUT', 1.0)
    start(DRIVER)
    start(GATE, *UNARMED, *CALM)
    cell.until(cell.latched, 'the gate is not there')
    alone = connected(cell)
    assert alone.episode_manager_status == 'it does not run'
    cell.until(
        lambda: alone.latch_reason != '' and 'rearm to go on' in alone.latch_reason,
        'it cannot be armed',
    )
    alone.rearm()
    assert alone.latch_reason == ''
    with pytest.raises(rearm.RearmError, match='no episode manager runs'):
        alone.resume_episodes()
