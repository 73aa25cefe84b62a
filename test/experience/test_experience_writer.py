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
from random_logs import SPEC, TIMEOUT, Crash, RandomLog, make_observation, make_twist
from writer_process import LENGTH

from robo_dopamine_ros.experience.reader import ExperienceReader
from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.experience.transitions import TransitionConfig
from robo_dopamine_ros.experience.types import Step, StepId
from robo_dopamine_ros.experience.writer import ExperienceWriter
from robo_dopamine_ros.reward.shaping import RewardParameters
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

TICK = SECOND // 10
KEYS = 'SELECT epoch, sequence FROM steps JOIN actors ON actors.id = actor ORDER BY steps.id'


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'experience.sqlite'


def step(number, **changes):
    begin, end = (make_observation(number + i, (number + i) * TICK) for i in (0, 1))
    made = Step(
        StepId('run', 1, number), 'e', begin, end, Mode.POLICY, make_twist(number), 1.0, 1.0
    )
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


def steps_of(reader):
    chunk = reader.read()
    return chunk.transitions['command'][:, 0] * 64, len(chunk.observations)


def test_a_reader_elsewhere_gets_what_is_new_and_frames_once(path):
    with ExperienceWriter.open(path, SPEC) as experience:
        readers = [ExperienceReader(path), ExperienceReader(path)]
        assert len(readers[0].read().transitions) == 0
        for event in (step(0), step(1), step(2), reading(2)):
            experience.record(event, 0)
        for reader in readers:
            numbers, observations = steps_of(reader)
            assert (numbers.tolist(), observations) == ([0, 1], 3)
        experience.record(reading(4), 0)
        assert len(readers[0].read().transitions) == 0  # nobody knows what follows step 2
    assert steps_of(readers[0])[0].tolist() == [2]
    assert (steps_of(readers[0])[0].tolist(), steps_of(readers[1])[0].tolist()) == ([], [2])
    assert len(steps_of(ExperienceReader(path))[0]) == 3


def test_a_day_told_twice_is_kept_once(path):
    log = [
        t
        for t in RandomLog(np.random.default_rng(5), 3, 0).events
        if not isinstance(t.event, Crash)
    ]
    parameters = TransitionConfig(TIMEOUT)
    with ExperienceWriter.open(path, SPEC, parameters) as experience:
        for told in log:
            experience.record(told.event, told.at)
            assert experience.record(told.event, told.at) == []
    kept = count(path)
    with ExperienceWriter.open(path, SPEC, parameters) as experience:
        for told in log:
            assert experience.record(told.event, told.at) == []
    assert count(path) == kept
    assert kept['steps'] > 10


def test_the_same_key_with_other_content_is_refused_and_nothing_breaks(path):
    with ExperienceWriter.open(path, SPEC) as experience:
        experience.record(step(0), 0)
        with pytest.raises(ValueError, match='step run/1/0 is stored already, with other content'):
            experience.record(step(0, gripper=0.0), 0)
        with pytest.raises(
            ValueError, match=r'the observation at \d+ ns is stored already, with other'
        ):
            experience.record(step(1, begin=make_observation(9, TICK)), 0)
        wide = replace(make_observation(1, TICK), features=np.zeros(4, np.float16))
        with pytest.raises(
            ValueError, match=r"\(\('float16', 4\), .* observations of .* have .*, 3\)"
        ):
            experience.record(step(0, id=StepId('run', 1, 7), end=wide), 0)
        experience.record(step(1), 0)
    assert rows(path, KEYS) == [(1, 0), (1, 1)]


def test_epochs_are_never_given_twice(path):
    for epoch in (1, 2, 3):
        with ExperienceWriter.open(path, SPEC) as experience:
            assert experience.start_epoch('run') == epoch
    with ExperienceWriter.open(path, SPEC) as experience:
        assert experience.start_epoch('other') == 1


def test_a_success_is_paid_once_though_a_crash_lies_between(path):
    """The step during which the episode ended arrives only at the next process."""
    word = Episode('e', phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=3 * TICK // 2)
    experience = ExperienceWriter.open(path, SPEC)
    experience.record(step(0), 0)
    experience.record(word, 0)
    experience._database.close()  # as if killed
    with ExperienceWriter.open(path, SPEC) as experience:
        experience.record(step(1, id=StepId('run', 2, 0)), 0)
    chunk = ExperienceReader(path).read().transitions
    assert (chunk['terminated'].tolist(), chunk['truncated'].tolist()) == ([1, 0], [0, 1])


def test_two_episodes_may_share_a_moment_but_not_its_potential(path):
    last = step(0)
    with ExperienceWriter.open(path, SPEC) as experience:
        experience.record(last, 0)
        experience.record(reading(1), 0)
        experience.record(step(1, begin=last.end, episode='f'), 0)
        experience.record(replace(reading(1), episode='f', progress=0.0), 0)
    chunk = ExperienceReader(path).read().transitions
    assert (chunk['next_potential'].tolist(), chunk['potential'].tolist()) == ([0.5, 0], [0.5, 0])
    assert count(path)['frames'] == 4


def test_one_writes_at_a_time(path):
    with (
        ExperienceWriter.open(path, SPEC),
        pytest.raises(
            ExperienceError, match='another process writes it; a database has one writer'
        ),
    ):
        ExperienceWriter.open(path, SPEC)
    ExperienceWriter.open(path, SPEC).close()


def test_another_store_is_refused_with_the_difference(path):
    ExperienceWriter.open(path, SPEC).close()
    with pytest.raises(ExperienceError, match=r"was made with sizes = .*'features': 3.*, not .*4"):
        ExperienceWriter.open(path, replace(SPEC, features=4))
    other = TransitionConfig(reward=RewardParameters(gamma=0.5))
    with pytest.raises(
        ExperienceError, match=r'reward = .*0\.98.*, not .*0\.5.*start a new database'
    ):
        ExperienceWriter.open(path, SPEC, other)


@pytest.mark.parametrize(
    'open_it', [ExperienceReader, lambda path: ExperienceWriter.open(path, SPEC)]
)
def test_files_that_are_no_experience_are_named(path, open_it):
    path.write_text('a letter' * 1000)
    with pytest.raises(ExperienceError, match=r'experience\.sqlite: .*it is another kind of file'):
        open_it(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute('CREATE TABLE letters (text)')
    with pytest.raises(ExperienceError, match='no experience of robo_dopamine_ros'):
        open_it(path)
    path.unlink()
    ExperienceWriter.open(path, SPEC).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute('PRAGMA user_version = 7')
    with pytest.raises(
        ExperienceError, match='experience of format 7; this version reads format 1'
    ):
        open_it(path)


def test_a_reader_needs_a_store(path):
    with pytest.raises(
        ExperienceError, match='there is no experience; it is made by what records it'
    ):
        ExperienceReader(path)


def fill(experience):
    """Record steps until that fails; gives how many were announced, and the error."""
    for number in range(100_000):
        try:
            experience.record(step(number), 0)
            experience.record(reading(number + 1), 0)
        except ExperienceError as error:
            return number, str(error)
    return 100_000, ''


def test_a_store_at_its_limit_stops_and_keeps_all(path):
    experience = ExperienceWriter.open(path, SPEC, limit=100_000)
    announced, text = fill(experience)
    assert f'{path}: step run/1/{announced} could not be stored: database or disk is full' in text
    assert text.endswith('everything announced before is stored; free space, then start again')
    with pytest.raises(ExperienceError, match='disk is full'):  # the same, until it is opened again
        experience.record(step(0), 0)
    experience.close()
    assert len(rows(path, KEYS)) == announced > 100
    with ExperienceWriter.open(path, SPEC) as experience:  # there is space now
        experience.record(step(announced), 0)
    assert len(ExperienceReader(path).read().transitions) == announced + 1


@pytest.mark.skipif(os.geteuid() != 0, reason='only root may mount a small disk')
def test_a_full_disk_stops_and_keeps_all(path):
    """A disk of 3 MiB, in a mount namespace of its own that goes with the process."""
    script = (
        'import sys; sys.path[:0] = sys.argv[2:]\n'
        'from pathlib import Path\n'
        'from test_experience_writer import fill, ExperienceWriter, SPEC, rows, KEYS\n'
        'path = Path(sys.argv[1]); experience = ExperienceWriter.open(path, SPEC)\n'
        'announced, text = fill(experience); experience.close()\n'
        'print(announced, len(rows(path, KEYS)), text)\n'
    )
    command = f'mount -t tmpfs -o size=3m none {path.parent} && exec "$@"'
    arguments = [sys.executable, '-c', script, str(path), *map(str, Path(__file__).parents[:2])]
    done = subprocess.run(
        ['unshare', '--mount', 'sh', '-c', command, 'sh', *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if 'ermi' in done.stderr.partition('Traceback')[0]:
        pytest.skip(f'no mount namespaces here: {done.stderr.strip()}')
    announced, kept, text = done.stdout.split(maxsplit=2)
    assert 'could not be stored' in text
    assert 'free space, then start again' in text
    assert int(announced) <= int(kept) <= int(announced) + 1
    assert int(announced) > 50


def test_a_read_only_folder_is_named(tmp_path):
    """Tried as nobody, where root would be let in anyway."""
    folder = Path('/tmp') / f'read-only-{os.getpid()}'
    folder.mkdir()
    try:
        path = folder / 'experience.sqlite'
        with ExperienceWriter.open(path, SPEC) as experience:
            experience.record(step(0), 0)
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)
                ExperienceWriter.open(path, SPEC)
            except ExperienceError as error:
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
    rng, announced, reader, read = random.Random(7), Counter(), None, []
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, str(Path(__file__).parents[1] / 'writer_process.py'), str(path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        first = writer.stdout.readline()
        reader = reader or ExperienceReader(path)
        read += reader.read().transitions['step'].tolist()
        time.sleep(rng.uniform(0.0, 0.05))  # the moment is what chance is about
        writer.kill()
        lines = [first, *writer.stdout.read().splitlines(keepends=True)]
        writer.wait()
        writer.stdout.close()
        for line in lines:
            if line.endswith('\n'):  # the last one may be cut off
                epoch, sequence = map(int, line.split())
                assert announced[epoch] == sequence
                announced[epoch] += 1
    ExperienceWriter.open(path, SPEC).close()  # seals what the last one left
    kept = Counter(epoch for epoch, _ in rows(path, KEYS))
    assert sorted(set(rows(path, KEYS))) == sorted(rows(path, KEYS))
    assert sorted(kept) == sorted(announced)
    for epoch, number in kept.items():
        assert announced[epoch] <= number <= announced[epoch] + 1
    read += reader.read().transitions['step'].tolist()
    chunk = ExperienceReader(path).read().transitions
    assert read == chunk['step'].tolist() == list(range(1, kept.total() + 1))  # each is sealed
    paid = sum(number // LENGTH for number in kept.values())
    assert paid - len(kept) <= chunk['terminated'].sum() <= paid
