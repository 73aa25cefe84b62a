"""Episode folders that are written while the episode happens."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.data.episodes import EpisodeError, find_recordings, open_recording
from robo_dopamine_ros.data.recording import Account, Draft, Mark, moving, sweep
from robo_dopamine_ros.data.steps import Steps, find_steps, read_steps
from robo_dopamine_ros.types import SECOND, VIEWS, Mode, Outcome, Views

DAWN = 1_700_000_000 * SECOND
TICK = SECOND // 10


def views(number: int, late: int = 0, names: tuple[str, ...] = VIEWS) -> Views:
    """Pictures that say their number by brightness."""
    image = np.full((24, 32, 3), 5 * number, np.uint8)
    return Views(dict.fromkeys(names, image), dict.fromkeys(names, DAWN + number * TICK + late))


def steps(first: int, count: int, moving: slice = slice(None)) -> Steps:
    """Of moments from picture `first` on; the arm is sent on in those that are moving."""
    twists = np.zeros((count, 6), np.float32)
    twists[moving, 0] = 0.05
    return Steps(
        stamps=DAWN + TICK * np.arange(first, first + count + 1),
        states=np.arange(15 * (count + 1), dtype=np.float32).reshape(-1, 15),
        twists=twists,
        grippers=np.zeros(count, np.float32),
        modes=np.full(count, int(Mode.HUMAN)),
    )


def account(told: Steps, **changes: object) -> Account:
    return Account(**{'steps': told, 'instruction': 'i', 'outcome': Outcome.SUCCESS} | changes)


def shot(folder: Path, count: int, layout: str = 'pictures') -> Draft:
    draft = Draft(folder, 'e', layout)
    for number in range(count):
        draft.add(views(number))
    return draft


def brightness(folder: Path) -> list[int]:
    played = open_recording(folder).play()
    return [round(seen.images['front'].mean() / 5) for seen in played]


def test_pictures_are_those_of_the_moments_of_the_steps(tmp_path):
    told = steps(5, 8)
    folder = shot(tmp_path, 20).finish(account(told))
    recording = open_recording(folder)
    assert (recording.length, recording.rate, recording.views) == (9, 10.0, VIEWS)
    assert brightness(folder) == list(range(5, 14))
    kept = read_steps(folder)
    for name in ('stamps', 'states', 'twists', 'grippers', 'modes'):
        np.testing.assert_array_equal(getattr(kept, name), getattr(told, name))
    assert [p.name for p in tmp_path.iterdir()] == ['e']


def test_the_papers_videos_open_too(tmp_path):
    folder = shot(tmp_path, 12, 'videos').finish(account(steps(0, 10)))
    assert {path.name for path in folder.glob('cam_*')} >= {'cam_high.mp4', 'cam_left_wrist.mp4'}
    recording = open_recording(folder)
    assert (recording.length, recording.instruction) == (11, 'i')
    assert recording.outcome is Outcome.SUCCESS
    assert json.loads((folder / 'recorded.json').read_text()) == {}
    assert np.abs(np.array(brightness(folder)) - np.arange(11)).max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-TICK // 2 + 1, TICK // 2 - 1), min_size=12, max_size=12))
def test_the_nearest_picture_stands_for_a_moment(tmp_path_factory, jitter):
    draft = Draft(tmp_path_factory.mktemp('e'), 'e', 'pictures')
    stamps = []
    for number, late in enumerate(jitter):
        draft.add(views(number, late))
        stamps.append(DAWN + number * TICK + late)
    told = steps(1, 9)
    folder = draft.finish(account(told))
    misses = np.abs(np.array(stamps)[:, None] - told.stamps)
    chosen = np.array(brightness(folder))
    np.testing.assert_array_equal(misses[chosen, np.arange(10)], misses.min(0))


def test_progress_grows_while_the_arm_is_moved(tmp_path):
    told = steps(0, 20, slice(4, 15))
    assert moving(told) == (4, 15)
    recording = open_recording(shot(tmp_path, 21).finish(account(told)))
    assert (recording.keyframes, recording.span) == ((4, 15), (4, 15))
    np.testing.assert_allclose(recording.progress, np.interp(np.arange(21), (4, 15), (0, 1)))


def test_marks_are_annotated_keyframes_with_their_names(tmp_path):
    marks = [Mark(DAWN + 20 * TICK + 1, 'over the hole'), Mark(DAWN + 36 * TICK, 'in')]
    told = steps(0, 40, slice(2, 37))
    folder = shot(tmp_path, 41).finish(account(told, marks=marks))
    assert open_recording(folder).keyframes == (2, 20, 36)
    entries = json.loads((folder / 'annotated_keyframes.json').read_text())
    assert [entry['anotation'] for entry in entries] == ['over the hole', 'in']
    assert open_recording(folder).progress[20] == pytest.approx(0.5)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(6, 40).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).map(sorted),
            st.lists(st.integers(0, count), max_size=5),
        )
    )
)
def test_whatever_is_marked_keyframes_rise_and_the_folder_opens(tmp_path_factory, case):
    count, (first, last), frames = case
    told = steps(0, count, slice(first, last + 1))
    marks = [Mark(DAWN + frame * TICK, f'at {frame}') for frame in frames]
    folder = tmp_path_factory.mktemp('e')
    draft = Draft(folder, 'e', 'pictures')
    for number in range(count + 1):
        draft.add(views(number, names=('front',)))
    with pytest.warns(UserWarning, match='no pictures of left_wrist'):
        keyframes = open_recording(draft.finish(account(told, marks=marks))).keyframes
    assert len(keyframes) >= 2
    assert list(keyframes) == sorted(set(keyframes))
    assert set(frames) <= set(keyframes)


@pytest.mark.parametrize('outcome', [Outcome.FAILURE, Outcome.NONE, Outcome.TIME_LIMIT])
def test_what_did_not_succeed_has_no_progress(tmp_path, outcome):
    recording = open_recording(shot(tmp_path, 9).finish(account(steps(0, 8), outcome=outcome)))
    assert (recording.outcome, recording.keyframes, recording.progress) == (outcome, (), None)


@pytest.mark.parametrize(
    ('pictures', 'told', 'words'),
    [
        (0, steps(0, 8), 'e: no complete set of pictures came'),
        (9, steps(0, 0), 'e: not one step was made'),
        (9, steps(0, 12), r'e: no pictures within 0.1 s of frame 12 of 13; .* are 0.40 s off'),
    ],
)
def test_what_cannot_be_an_episode_is_refused_and_leaves_nothing(tmp_path, pictures, told, words):
    draft = shot(tmp_path, pictures)
    with pytest.raises(EpisodeError, match=words):
        draft.finish(account(told))
    draft.discard()
    assert list(tmp_path.iterdir()) == []


def test_other_views_are_refused(tmp_path):
    draft = shot(tmp_path, 1)
    with pytest.raises(ValueError, match=r"views = \['front'\]; they must be \['front', 'left"):
        draft.add(views(1, names=('front',)))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_recording as t
from robo_dopamine_ros.data import recording
draft = t.shot(Path(sys.argv[1]), 9)
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
setattr(recording, sys.argv[3], die)
draft.finish(t.account(t.steps(0, 8)))
"""


@pytest.mark.parametrize('at', ['save_recording', 'save_steps', '_sync'])
def test_killed_at_any_point_nothing_opens_and_the_next_start_sweeps(tmp_path, at):
    command = [sys.executable, '-c', KILLED, str(tmp_path), str(Path(__file__).parent), at]
    child = subprocess.run(command, check=False, env=os.environ)
    assert child.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ['.e.part']
    assert find_steps(tmp_path) == []
    with pytest.raises(EpisodeError, match='no episode here or in any folder below'):
        find_recordings([tmp_path])
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    folder = shot(tmp_path, 9).finish(account(steps(0, 8)))
    assert find_steps(tmp_path) == [folder]


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_recording as t
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
draft = t.Draft(Path(sys.argv[1]), 'e')
try:
    for number in range(40):
        draft.add(t.views(number))
    print(draft.finish(t.account(t.steps(0, 30))))
except (OSError, t.EpisodeError) as error:
    draft.discard()
    print(error)
"""


@pytest.mark.parametrize('room', [100, 2000, 5000, 100000])
def test_where_files_cannot_grow_there_is_a_whole_episode_or_none(tmp_path, room):
    command = [sys.executable, '-c', FULL, str(tmp_path), str(Path(__file__).parent), str(room)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if room == 100000:
        assert Path(told) == tmp_path / 'e'
        assert len(brightness(tmp_path / 'e')) == 31
    else:
        assert 'File too large' in told or 'disk' in told or 'damaged' in told
        assert list(tmp_path.iterdir()) == []
