"""Nothing that was announced is lost, nothing is there twice, and faults say what to do."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from days import PATIENCE, SIZES, Crash, Day, frame, twist
from writer_process import LENGTH

from robo_dopamine_ros.learning.experience import Experience
from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.learning.sealing import SealingParameters
from robo_dopamine_ros.learning.steps import Key, Step
from robo_dopamine_ros.learning.tail import Tail
from robo_dopamine_ros.reward.shaping import RewardParameters
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

TICK = SECOND // 10
KEYS = 'SELECT epoch, sequence FROM steps JOIN actors ON actors.id = actor ORDER BY steps.id'


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'experience.sqlite'


def step(number, **changes):
    begin, end = (frame(number + i, (number + i) * TICK) for i in (0, 1))
    made = Step(Key('run', 1, number), 'e', begin, end, Mode.POLICY, twist(number), 1.0, 1.0)
    return replace(made, **changes)


def reading(ticks):
    return Progress(int(ticks * TICK), 'e', progress=0.5, valid=True)


def rows(path, query):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def count(path):
    """Rows of every table."""
    tables = ('actors', 'episodes', 'frames', 'steps', 'readings', 'potentials', 'transitions')
    return {table: rows(path, f'SELECT count(*) FROM {table}')[0][0] for table in tables}


def steps_of(tail):
    news = tail.read()
    return news.transitions['sent'][:, 0] * 64, len(news.frames)


def test_a_reader_elsewhere_gets_what_is_new_and_frames_once(path):
    with Experience(path, SIZES) as experience:
        tails = [Tail(path), Tail(path)]
        assert len(tails[0].read().transitions) == 0
        for event in (step(0), step(1), step(2), reading(2)):
            experience.record(event, 0)
        for tail in tails:
            numbers, frames = steps_of(tail)
            assert (numbers.tolist(), frames) == ([0, 1], 3)
        experience.record(reading(4), 0)
        assert len(tails[0].read().transitions) == 0  # nobody knows what follows step 2
    assert steps_of(tails[0])[0].tolist() == [2]
    assert (steps_of(tails[0])[0].tolist(), steps_of(tails[1])[0].tolist()) == ([], [2])
    assert len(steps_of(Tail(path))[0]) == 3


def test_a_day_told_twice_is_kept_once(path):
    day = [t for t in Day(np.random.default_rng(5), 3, 0).told if not isinstance(t.event, Crash)]
    parameters = SealingParameters(PATIENCE)
    with Experience(path, SIZES, parameters) as experience:
        for told in day:
            experience.record(told.event, told.at)
            assert experience.record(told.event, told.at) == []
    kept = count(path)
    with Experience(path, SIZES, parameters) as experience:
        for told in day:
            assert experience.record(told.event, told.at) == []
    assert count(path) == kept
    assert kept['steps'] > 10


def test_the_same_key_with_other_content_is_refused_and_nothing_breaks(path):
    with Experience(path, SIZES) as experience:
        experience.record(step(0), 0)
        with pytest.raises(ValueError, match='step run/1/0 was kept before, with other content'):
            experience.record(step(0, gripper=0.0), 0)
        with pytest.raises(ValueError, match=r'the frame at \d+ ns was kept before, with other'):
            experience.record(step(1, begin=frame(9, TICK)), 0)
        wide = replace(frame(1, TICK), features=np.zeros(4, np.float16))
        with pytest.raises(ValueError, match=r"\(\('float16', 4\), .* frames of .* have .*, 3\)"):
            experience.record(step(0, key=Key('run', 1, 7), end=wide), 0)
        experience.record(step(1), 0)
    assert rows(path, KEYS) == [(1, 0), (1, 1)]


def test_epochs_are_never_given_twice(path):
    for epoch in (1, 2, 3):
        with Experience(path, SIZES) as experience:
            assert experience.begin('run') == epoch
    with Experience(path, SIZES) as experience:
        assert experience.begin('other') == 1


def test_a_success_is_paid_once_though_a_crash_lies_between(path):
    """A step that was under way when the word came is told only to the next process."""
    word = Episode('e', phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=3 * TICK // 2)
    experience = Experience(path, SIZES)
    experience.record(step(0), 0)
    experience.record(word, 0)
    experience._store.close()  # as if killed
    with Experience(path, SIZES) as experience:
        experience.record(step(1, key=Key('run', 2, 0)), 0)
    news = Tail(path).read().transitions
    assert (news['terminated'].tolist(), news['truncated'].tolist()) == ([1, 0], [0, 1])


def test_two_episodes_may_share_a_moment_but_not_its_potential(path):
    last = step(0)
    with Experience(path, SIZES) as experience:
        experience.record(last, 0)
        experience.record(reading(1), 0)
        experience.record(step(1, begin=last.end, episode='f'), 0)
        experience.record(replace(reading(1), episode='f', progress=0.0), 0)
    news = Tail(path).read().transitions
    assert (news['next_potential'].tolist(), news['potential'].tolist()) == ([0.5, 0], [0.5, 0])
    assert count(path)['frames'] == 4


def test_one_writes_at_a_time(path):
    with (
        Experience(path, SIZES),
        pytest.raises(StoreError, match='another process writes it; a store has one writer'),
    ):
        Experience(path, SIZES)
    Experience(path, SIZES).close()


def test_another_store_is_refused_with_the_difference(path):
    Experience(path, SIZES).close()
    with pytest.raises(StoreError, match=r"was made with sizes = .*'features': 3.*, not .*4"):
        Experience(path, replace(SIZES, features=4))
    other = SealingParameters(reward=RewardParameters(gamma=0.5))
    with pytest.raises(StoreError, match=r'reward = .*0\.98.*, not .*0\.5.*start a new store'):
        Experience(path, SIZES, other)


@pytest.mark.parametrize('open_it', [Tail, lambda path: Experience(path, SIZES)])
def test_files_that_are_no_experience_are_named(path, open_it):
    path.write_text('a letter' * 1000)
    with pytest.raises(StoreError, match=r'experience\.sqlite: .*it is another kind of file'):
        open_it(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute('CREATE TABLE letters (text)')
    with pytest.raises(StoreError, match='no experience of robo_dopamine_ros'):
        open_it(path)
    path.unlink()
    Experience(path, SIZES).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute('PRAGMA user_version = 7')
    with pytest.raises(StoreError, match='experience of format 7; this version reads format 1'):
        open_it(path)


def test_a_reader_needs_a_store(path):
    with pytest.raises(StoreError, match='there is no experience; it is made by what records it'):
        Tail(path)


def fill(experience):
    """Record steps until that fails; gives how many were announced, and the error."""
    for number in range(100_000):
        try:
            experience.record(step(number), 0)
            experience.record(reading(number + 1), 0)
        except StoreError as error:
            return number, str(error)
    return 100_000, ''


def test_a_store_at_its_limit_stops_and_keeps_all(path):
    experience = Experience(path, SIZES, limit=100_000)
    announced, text = fill(experience)
    assert f'{path}: step run/1/{announced} could not be kept: database or disk is full' in text
    assert text.endswith('everything announced before is kept; free space, then start again')
    with pytest.raises(StoreError, match='disk is full'):  # the same, until it is opened again
        experience.record(step(0), 0)
    experience.close()
    assert len(rows(path, KEYS)) == announced > 100
    with Experience(path, SIZES) as experience:  # there is space now
        experience.record(step(announced), 0)
    assert len(Tail(path).read().transitions) == announced + 1


@pytest.mark.skipif(os.geteuid() != 0, reason='only root may mount a small disk')
def test_a_full_disk_stops_and_keeps_all(path):
    """A disk of 3 MiB, in a mount namespace of its own that goes with the process."""
    script = (
        'import sys; sys.path.insert(0, sys.argv[2])\n'
        'from pathlib import Path; from test_store import fill, Experience, SIZES, rows, KEYS\n'
        'path = Path(sys.argv[1]); experience = Experience(path, SIZES)\n'
        'announced, text = fill(experience); experience.close()\n'
        'print(announced, len(rows(path, KEYS)), text)\n'
    )
    command = f'mount -t tmpfs -o size=3m none {path.parent} && exec "$@"'
    arguments = [sys.executable, '-c', script, str(path), str(Path(__file__).parent)]
    done = subprocess.run(
        ['unshare', '--mount', 'sh', '-c', command, 'sh', *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if 'ermi' in done.stderr.partition('Traceback')[0]:
        pytest.skip(f'no mount namespaces here: {done.stderr.strip()}')
    announced, kept, text = done.stdout.split(maxsplit=2)
    assert 'could not be kept' in text
    assert 'free space, then start again' in text
    assert int(announced) <= int(kept) <= int(announced) + 1
    assert int(announced) > 50


def test_a_read_only_folder_is_named(tmp_path):
    """Tried as nobody, where root would be let in anyway."""
    folder = Path('/tmp') / f'read-only-{os.getpid()}'
    folder.mkdir()
    try:
        path = folder / 'experience.sqlite'
        with Experience(path, SIZES) as experience:
            experience.record(step(0), 0)
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)
                Experience(path, SIZES)
            except StoreError as error:
                text = str(error)
                code = 0 if 'make the file and its folder writable' in text else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert rows(path, KEYS) == [(1, 0)]
    finally:
        folder.chmod(0o755)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def test_a_writer_that_is_killed_loses_nothing(path):
    """kill -9 at random moments: of each start at most the step under way is not announced.

    A reader here follows all the writers there.
    """
    rng, announced, tail, read = random.Random(7), Counter(), None, []
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / 'writer_process.py'), str(path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        first = writer.stdout.readline()
        tail = tail or Tail(path)
        read += tail.read().transitions['step'].tolist()
        time.sleep(rng.uniform(0.0, 0.05))  # the moment is what chance is about
        writer.kill()
        lines = [first, *writer.stdout.read().splitlines(keepends=True)]
        writer.wait()
        for line in lines:
            if line.endswith('\n'):  # the last one may be cut off
                epoch, sequence = map(int, line.split())
                assert announced[epoch] == sequence
                announced[epoch] += 1
    Experience(path, SIZES).close()  # seals what the last one left
    kept = Counter(epoch for epoch, _ in rows(path, KEYS))
    assert sorted(set(rows(path, KEYS))) == sorted(rows(path, KEYS))
    assert sorted(kept) == sorted(announced)
    for epoch, number in kept.items():
        assert announced[epoch] <= number <= announced[epoch] + 1
    read += tail.read().transitions['step'].tolist()
    news = Tail(path).read().transitions
    assert read == news['step'].tolist() == list(range(1, kept.total() + 1))  # each is sealed
    paid = sum(number // LENGTH for number in kept.values())
    assert paid - len(kept) <= news['terminated'].sum() <= paid
