"""The verbs episode and topics beside a real episode manager: no `ros2` is needed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from processes import EPISODE_MANAGER, Child, Watcher

from robo_dopamine_ros.types import Outcome, Phase


@pytest.fixture
def manager(domain: int) -> Iterator[Child]:
    child = Child(EPISODE_MANAGER, 'episodes.task:=insert', 'episodes.correction_time:=60.0')
    yield child
    child.kill()


def typed(*words: str) -> tuple[int, str]:
    """Run a verb; returns its exit code and output."""
    done = subprocess.run(
        [sys.executable, '-m', 'robo_dopamine_ros.cli.main', *words],
        capture_output=True, text=True, check=False, timeout=90, env=dict(os.environ),
    )  # fmt: skip
    assert 'Traceback' not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_an_episode_from_the_start_to_a_corrected_end(manager: Child, watcher: Watcher) -> None:
    watcher.until(lambda: bool(watcher.episodes), 'the episode manager is not there')
    code, said = typed('episode', 'start', 'push the block')
    assert code == 0, said
    assert said.endswith('-0000 is running: push the block\n')
    code, said = typed('episode', 'start')
    assert (code, 'runs; end it first' in said) == (2, True), said
    code, said = typed('episode', 'end', 'success', '--person', 'Ada')
    assert code == 0, said
    assert 'ended: success by Ada; for a moment `robo-dopamine episode end` corrects it' in said
    code, said = typed('episode', 'end', 'failure', '--person', 'Bob')
    assert (code, 'ended: failure by Bob' in said) == (0, True), said
    assert {episode.outcome for episode in watcher.episodes} == {Outcome.NONE}
    assert typed('episode', 'start')[0] == 0, 'the next start makes it final'
    code, said = typed('episode', 'list')
    first, now, following = said.splitlines()
    assert first.endswith('-0000  failure     by Bob: push the block')
    assert (now[:4], now[-7:], following[-10:]) == ('now:', 'running', 'is running')
    code, said = typed('episode', 'list', '--json')
    assert json.loads(said)['outcome'] == 'failure'
    watcher.until(lambda: watcher.episode.phase is Phase.RUNNING, 'it does not run')


def test_topics_are_listed_with_types_publishers_and_rates(
    manager: Child, watcher: Watcher
) -> None:
    watcher.until(lambda: bool(watcher.episodes), 'the episode manager is not there')
    code, said = typed('topics', 'episode', '--json')
    assert code == 0, said
    topics = {one['name']: one for one in map(json.loads, said.splitlines())}
    assert topics['/episode']['type'] == 'robo_dopamine/msg/Episode'
    assert topics['/episode']['publishers'] == ['/episode_manager']
    assert topics['/episode']['rate'] > 0.0


@pytest.mark.parametrize('words', [('episode', 'list'), ('episode', 'start', 'x'), ('topics',)])
def test_where_nothing_runs_they_say_so(domain: int, words: tuple[str, ...]) -> None:
    code, said = typed(*words)
    assert (code, f'domain {domain}; `robo-dopamine up` starts' in said) == (2, True), said
