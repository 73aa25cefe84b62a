"""Episode folders that are written while the episode runs."""

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

from robo_dopamine_ros.data.episode_folder import EpisodeError, find_recordings, open_recording
from robo_dopamine_ros.data.episode_writer import (
    EpisodeRecord,
    EpisodeWriter,
    KeyframeMark,
    motion_span,
    remove_unfinished,
)
from robo_dopamine_ros.data.trajectory import Trajectory, find_trajectories, load_trajectory
from robo_dopamine_ros.data.video_folder import VideoWriter
from robo_dopamine_ros.types import SECOND, VIEWS, Mode, Outcome, Views

T0 = 1_700_000_000 * SECOND
TICK = SECOND // 10


def views(number: int, late: int = 0, names: tuple[str, ...] = VIEWS) -> Views:
    """Images whose brightness encodes their number."""
    image = np.full((24, 32, 3), 5 * number, np.uint8)
    return Views(dict.fromkeys(names, image), dict.fromkeys(names, T0 + number * TICK + late))


def trajectory(first: int, count: int, moving: slice = slice(None)) -> Trajectory:
    """A trajectory from frame `first` on, with motion in the steps `moving`."""
    twists = np.zeros((count, 6), np.float32)
    twists[moving, 0] = 0.05
    return Trajectory(
        stamps=T0 + TICK * np.arange(first, first + count + 1),
        states=np.arange(15 * (count + 1), dtype=np.float32).reshape(-1, 15),
        twists=twists,
        grippers=np.zeros(count, np.float32),
        modes=np.full(count, int(Mode.HUMAN)),
    )


def record(made: Trajectory, **changes: object) -> EpisodeRecord:
    return EpisodeRecord(
        **{'trajectory': made, 'instruction': 'i', 'outcome': Outcome.SUCCESS} | changes
    )


def written(folder: Path, count: int, layout: str = 'images') -> EpisodeWriter:
    writer = EpisodeWriter.create(folder, 'e', layout)
    for number in range(count):
        writer.add(views(number))
    return writer


def brightness(folder: Path) -> list[int]:
    played = open_recording(folder).play()
    return [round(shown.images['front'].mean() / 5) for shown in played]


def test_images_are_those_at_the_states_of_the_trajectory(tmp_path):
    made = trajectory(5, 8)
    folder = written(tmp_path, 20).finish(record(made))
    recording = open_recording(folder)
    assert (recording.length, recording.rate, recording.views) == (9, 10.0, VIEWS)
    assert brightness(folder) == list(range(5, 14))
    kept = load_trajectory(folder)
    for name in ('stamps', 'states', 'twists', 'grippers', 'modes'):
        np.testing.assert_array_equal(getattr(kept, name), getattr(made, name))
    assert [p.name for p in tmp_path.iterdir()] == ['e']


def test_the_papers_layout_opens_too(tmp_path):
    folder = written(tmp_path, 12, 'videos').finish(record(trajectory(0, 10)))
    assert {path.name for path in folder.glob('cam_*')} >= {'cam_high.mp4', 'cam_left_wrist.mp4'}
    recording = open_recording(folder)
    assert (recording.length, recording.instruction) == (11, 'i')
    assert recording.outcome is Outcome.SUCCESS
    assert json.loads((folder / 'recorded.json').read_text()) == {}
    assert np.abs(np.array(brightness(folder)) - np.arange(11)).max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-TICK // 2 + 1, TICK // 2 - 1), min_size=12, max_size=12))
def test_the_nearest_image_is_chosen(tmp_path_factory, jitter):
    writer = EpisodeWriter.create(tmp_path_factory.mktemp('e'), 'e', 'images')
    stamps = []
    for number, late in enumerate(jitter):
        writer.add(views(number, late))
        stamps.append(T0 + number * TICK + late)
    made = trajectory(1, 9)
    folder = writer.finish(record(made))
    offsets = np.abs(np.array(stamps)[:, None] - made.stamps)
    chosen = np.array(brightness(folder))
    np.testing.assert_array_equal(offsets[chosen, np.arange(10)], offsets.min(0))


def test_progress_grows_during_the_motion(tmp_path):
    made = trajectory(0, 20, slice(4, 15))
    assert motion_span(made) == (4, 15)
    recording = open_recording(written(tmp_path, 21).finish(record(made)))
    assert (recording.keyframes, recording.span) == ((4, 15), (4, 15))
    np.testing.assert_allclose(recording.progress, np.interp(np.arange(21), (4, 15), (0, 1)))


def test_marks_become_annotated_keyframes(tmp_path):
    marks = [
        KeyframeMark(T0 + 20 * TICK + 1, 'over the hole'),
        KeyframeMark(T0 + 36 * TICK, 'in'),
    ]
    made = trajectory(0, 40, slice(2, 37))
    folder = written(tmp_path, 41).finish(record(made, marks=marks))
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
def test_keyframes_rise_for_any_marks(tmp_path_factory, case):
    count, (first, last), frames = case
    made = trajectory(0, count, slice(first, last + 1))
    marks = [KeyframeMark(T0 + frame * TICK, f'at {frame}') for frame in frames]
    folder = tmp_path_factory.mktemp('e')
    writer = EpisodeWriter.create(folder, 'e', 'images')
    for number in range(count + 1):
        writer.add(views(number, names=('front',)))
    with pytest.warns(UserWarning, match='no images of left_wrist'):
        keyframes = open_recording(writer.finish(record(made, marks=marks))).keyframes
    assert len(keyframes) >= 2
    assert list(keyframes) == sorted(set(keyframes))
    assert set(frames) <= set(keyframes)


@pytest.mark.parametrize('outcome', [Outcome.FAILURE, Outcome.NONE, Outcome.TIME_LIMIT])
def test_other_outcomes_have_no_progress(tmp_path, outcome):
    recording = open_recording(
        written(tmp_path, 9).finish(record(trajectory(0, 8), outcome=outcome))
    )
    assert (recording.outcome, recording.keyframes, recording.progress) == (outcome, (), None)


@pytest.mark.parametrize(
    ('images', 'made', 'words'),
    [
        (0, trajectory(0, 8), 'e: no complete set of images came'),
        (9, trajectory(0, 0), 'e: not one step was made'),
        (9, trajectory(0, 12), r'e: no images within 0.1 s of frame 12 of 13; .* are 0.40 s off'),
    ],
)
def test_an_invalid_episode_is_refused_and_leaves_nothing(tmp_path, images, made, words):
    writer = written(tmp_path, images)
    with pytest.raises(EpisodeError, match=words):
        writer.finish(record(made))
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_other_views_are_refused(tmp_path):
    writer = written(tmp_path, 1)
    with pytest.raises(ValueError, match=r"views = \['front'\]; they must be \['front', 'left"):
        writer.add(views(1, names=('front',)))


@pytest.mark.parametrize('layout', ['videos', 'images'])
def test_a_camera_that_comes_back_at_another_size_loses_nothing(tmp_path, layout):
    writer = written(tmp_path, 6, layout)
    for number in range(6, 12):
        shown = views(number)
        small = np.full((12, 16, 3), 5 * number, np.uint8)
        writer.add(Views({**shown.images, 'left_wrist': small}, shown.stamps))
    said = 'images of left_wrist came as 16x12 and were scaled to 32x24, as before'
    assert writer.warning == said
    folder = writer.finish(record(trajectory(0, 11)))
    played = list(open_recording(folder).play())
    assert len(played) == 12
    assert {shown.images['left_wrist'].shape for shown in played} == {(24, 32, 3)}
    seen = [round(shown.images['left_wrist'].mean() / 5) for shown in played]
    assert np.abs(np.array(seen) - np.arange(12)).max() <= (layout == 'videos')
    (change,) = json.loads((folder / 'recorded.json').read_text())['rescaled']
    assert change == {
        'view': 'left_wrist',
        'stamp': T0 + 6 * TICK,
        'came': [16, 12],
        'recorded': [32, 24],
    }


def test_cameras_of_different_sizes_are_recorded_as_they_are(tmp_path):
    writer = EpisodeWriter.create(tmp_path, 'e')
    for number in range(9):
        shown = views(number)
        small = np.full((12, 16, 3), 5 * number, np.uint8)
        writer.add(Views({**shown.images, 'left_wrist': small}, shown.stamps))
    assert writer.warning == ''
    images = next(iter(open_recording(writer.finish(record(trajectory(0, 8)))).play())).images
    assert images['front'].shape == (24, 32, 3)
    assert images['left_wrist'].shape == (12, 16, 3)


def test_a_video_takes_frames_of_one_size_only(tmp_path):
    with (
        VideoWriter(tmp_path / 'v.mp4', 10.0, (32, 24)) as video,
        pytest.raises(EpisodeError, match=r'v\.mp4: a frame of \(16, 12\) px in a video of'),
    ):
        video.write(np.zeros((12, 16, 3), np.uint8))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_episode_writer as t
from robo_dopamine_ros.data import episode_writer
writer = t.written(Path(sys.argv[1]), 9)
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
setattr(episode_writer, sys.argv[3], die)
writer.finish(t.record(t.trajectory(0, 8)))
"""


@pytest.mark.parametrize('at', ['save_recording', 'save_trajectory', '_sync'])
def test_killed_at_any_point_nothing_opens_and_is_removed_later(tmp_path, at):
    command = [sys.executable, '-c', KILLED, str(tmp_path), str(Path(__file__).parent), at]
    child = subprocess.run(command, check=False, env=os.environ)
    assert child.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ['.e.part']
    assert find_trajectories(tmp_path) == []
    with pytest.raises(EpisodeError, match='no episode here or in any folder below'):
        find_recordings([tmp_path])
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == []
    folder = written(tmp_path, 9).finish(record(trajectory(0, 8)))
    assert find_trajectories(tmp_path) == [folder]


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_episode_writer as t
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
writer = t.EpisodeWriter.create(Path(sys.argv[1]), 'e')
try:
    for number in range(40):
        writer.add(t.views(number))
    print(writer.finish(t.record(t.trajectory(0, 30))))
except (OSError, t.EpisodeError) as error:
    writer.discard()
    print(error)
"""


@pytest.mark.parametrize('room', [100, 2000, 5000, 100000])
def test_a_full_disk_leaves_a_whole_episode_or_none(tmp_path, room):
    command = [sys.executable, '-c', FULL, str(tmp_path), str(Path(__file__).parent), str(room)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if room == 100000:
        assert Path(output) == tmp_path / 'e'
        assert len(brightness(tmp_path / 'e')) == 31
    else:
        assert 'File too large' in output or 'disk' in output or 'damaged' in output
        assert list(tmp_path.iterdir()) == []
