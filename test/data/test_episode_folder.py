import json
import warnings

import cv2
import numpy as np
import pytest

from robo_dopamine_ros.data.episode_folder import (
    EpisodeError,
    EpisodeWarning,
    find_recordings,
    open_recording,
    save_recording,
)
from robo_dopamine_ros.types import SECOND, VIEWS, Outcome

ANNOTATION = [
    {'anotation': 'reach', 'start_frame_id': 2, 'end_frame_id': 10},
    {'anotation': 'place', 'start_frame_id': 10, 'end_frame_id': 18},
]


def test_the_papers_folder(paper_folder):
    recording = open_recording(paper_folder(annotation=ANNOTATION))
    assert recording.views == VIEWS
    assert (recording.rate, recording.length, recording.span) == (30.0, 20, (2, 18))
    assert recording.keyframes == (2, 10, 18)
    assert recording.instruction == 'stack the cups'
    assert recording.progress[[0, 2, 6, 10, 18, 19]].tolist() == [0, 0, 0.25, 0.5, 1, 1]


def test_playing_strides_scales_and_stamps(paper_folder):
    recording = open_recording(paper_folder())
    played = list(recording.play(size=(32, 24), stride=6, start=1, stop=15))
    assert [v.stamp for v in played] == [round(i * SECOND / 30) for i in (1, 7, 13)]
    assert all(v.images['left_wrist'].shape == (24, 32, 3) for v in played)
    whole = list(recording.play())
    full = [whole[i].images['front'] for i in (1, 7, 13)]
    for views, image in zip(played, full, strict=True):
        assert views.images['front'].dtype == np.uint8
        small = cv2.resize(image, (32, 24), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(views.images['front'], small)


def test_colours_are_rgb(recording, tmp_path):
    made = recording(length=3)
    for layout in ('videos', 'images'):
        opened = open_recording(save_recording(made, tmp_path / layout, layout))
        images = next(iter(opened.play())).images
        for channel, view in enumerate(VIEWS):
            assert np.argmax(images[view][:, 40:].mean(axis=(0, 1))) == channel


def test_images_come_back_exactly(recording, tmp_path):
    progress = np.linspace(0, 1, 12) ** 2
    made = recording(progress=progress, keyframes=(1, 7, 11), rate=12.5)
    opened = open_recording(save_recording(made, tmp_path / 'saved', 'images'))
    assert_same_metadata(opened, made)
    for a, b in zip(opened.play(), made.play(), strict=True):
        assert a.stamps == b.stamps
        for view in VIEWS:
            np.testing.assert_array_equal(a.images[view], b.images[view])


def test_videos_come_back_nearly(recording, tmp_path):
    made = recording(length=20, progress=np.linspace(0, 1, 20), keyframes=(0, 19), rate=25.0)
    folder = save_recording(made, tmp_path / 'saved')
    assert (folder / 'cam_high.mp4').exists()
    opened = open_recording(folder)
    assert_same_metadata(opened, made)
    for a, b in zip(opened.play(), made.play(), strict=True):
        error = np.abs(a.images['front'].astype(float) - b.images['front'])
        assert error.mean() < 12


def assert_same_metadata(opened, made):
    assert (opened.rate, opened.length, opened.views) == (made.rate, made.length, made.views)
    assert (opened.instruction, opened.grade) == (made.instruction, made.grade)
    assert opened.outcome is Outcome.SUCCESS
    assert opened.keyframes == made.keyframes
    np.testing.assert_allclose(opened.progress, made.progress, atol=1e-6)


def test_episodes_are_found_below_a_folder(recording, tmp_path):
    for name in ('b', 'a'):
        save_recording(recording(length=3), tmp_path / 'set' / name, 'images')
    assert [r.name for r in find_recordings([tmp_path])] == ['a', 'b']


def test_nothing_is_written_over(recording, tmp_path):
    folder = save_recording(recording(length=3), tmp_path / 'saved', 'images')
    with pytest.raises(EpisodeError, match='not empty'):
        save_recording(recording(length=3), folder)


def test_the_real_episode(real_episode):
    recording = open_recording(real_episode)
    assert (recording.length, recording.rate, recording.span) == (1277, 30.0, (8, 1263))
    assert recording.progress[147] == pytest.approx(1 / 16)
    assert len(recording.keyframes) == 17


# What can be wrong.


def test_without_annotation_it_still_plays(paper_folder):
    recording = open_recording(paper_folder())
    assert recording.progress is None
    assert recording.span == (0, 19)


def test_unequal_videos_are_refused(paper_folder):
    folder = paper_folder(high=20, left_wrist=12, right_wrist=20)
    with pytest.raises(EpisodeError) as fault:
        open_recording(folder)
    assert 'cam_high.mp4 20, cam_left_wrist.mp4 12, cam_right_wrist.mp4 20' in str(fault.value)


def test_a_few_frames_of_difference_are_cut(paper_folder):
    folder = paper_folder(high=20, left_wrist=18, right_wrist=19)
    with pytest.warns(EpisodeWarning, match='using 18 frames'):
        recording = open_recording(folder)
    assert recording.length == len(list(recording.play())) == 18


def test_rates_must_agree(paper_folder):
    folder = paper_folder(rates={'left_wrist': 25.0})
    with pytest.raises(EpisodeError, match='cam_left_wrist.mp4 25 Hz'):
        open_recording(folder)


@pytest.mark.parametrize('damage', ['empty', 'text', 'truncated'])
def test_a_corrupt_video_is_named(paper_folder, damage):
    path = paper_folder() / 'cam_left_wrist.mp4'
    whole = path.read_bytes()
    path.write_bytes(
        {'empty': b'', 'text': b'hello', 'truncated': whole[: len(whole) // 2]}[damage]
    )
    with pytest.raises(EpisodeError, match=r'cam_left_wrist\.mp4: .*(damaged|truncated)'):
        open_recording(path.parent)


def test_a_video_that_ends_early_is_named(paper_folder):
    path = paper_folder() / 'cam_left_wrist.mp4'
    data = bytearray(path.read_bytes())
    body, index = data.find(b'mdat'), data.find(b'moov')
    data[body + 4 + (index - body) // 3 : index - 4] = bytes(index - 8 - body - (index - body) // 3)
    path.write_bytes(bytes(data))
    with pytest.raises(EpisodeError, match=r'cam_left_wrist\.mp4: .*(damaged|truncated)'):
        list(open_recording(path.parent).play())


def test_a_missing_view_warns(paper_folder):
    folder = paper_folder(high=5, right_wrist=5)
    with pytest.warns(EpisodeWarning, match='no images of left_wrist'):
        recording = open_recording(folder)
    assert recording.views == ('front', 'right_wrist')


def test_a_damaged_image_is_named(recording, tmp_path):
    folder = save_recording(recording(length=3), tmp_path / 'saved', 'images')
    path = folder / 'front' / '000001.png'
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(EpisodeError, match=r'000001\.png'):
        list(open_recording(folder).play())


INVALID_METADATA = {
    'not json': ('{"rate": ', 'not JSON'),
    'list': ('[]', 'expected an object'),
    'unknown': ('{"rte": 10}', "unknown field 'rte'"),
    'rate': ('{"rate": 0}', 'rate = 0'),
    'rate text': ('{"rate": "fast"}', "rate = 'fast'"),
    'outcome': ('{"outcome": "won"}', "outcome = 'won'; it must be one of"),
    'outcome list': ('{"outcome": []}', 'outcome = []; it must be one of'),
    'grade': ('{"grade": "good"}', "grade = 'good'; it must be one of"),
    'progress length': ('{"progress": [0, 1]}', 'progress has 2 numbers for 3 frames'),
    'progress range': ('{"progress": [0, 1, 2]}', 'one number in 0..1 per frame'),
    'progress text': ('{"progress": "high"}', 'one number in 0..1 per frame'),
    'keyframes order': ('{"keyframes": [2, 1]}', 'they must increase'),
    'keyframes range': ('{"keyframes": [0, 9]}', 'within 0..2'),
}


@pytest.mark.parametrize(('text', 'said'), INVALID_METADATA.values(), ids=INVALID_METADATA)
def test_invalid_metadata_is_named(recording, tmp_path, text, said):
    folder = save_recording(recording(length=3), tmp_path / 'saved', 'images')
    (folder / 'episode.json').write_text(text)
    with pytest.raises(EpisodeError) as fault:
        open_recording(folder)
    assert said in str(fault.value)
    assert 'episode.json' in str(fault.value)


def test_invalid_instructions_are_named(paper_folder):
    folder = paper_folder()
    (folder.parent / 'task_instruction.json').write_text(json.dumps({'task': 'x'}))
    with pytest.raises(EpisodeError, match='expected a list of strings'):
        open_recording(folder)


def test_a_folder_without_episode_is_named(tmp_path):
    with pytest.raises(EpisodeError, match='no such folder'):
        open_recording(tmp_path / 'nowhere')
    with pytest.raises(EpisodeError, match='no episode here; expected cam_high.mp4'):
        open_recording(tmp_path)
    with pytest.raises(EpisodeError, match='no episode here or in any folder below'):
        find_recordings([tmp_path])


def test_frames_outside_the_episode_are_refused(recording, tmp_path):
    opened = open_recording(save_recording(recording(length=3), tmp_path / 'saved', 'images'))
    with pytest.raises(ValueError, match='frames 0..9 asked for'):
        list(opened.play(stop=9))
    with pytest.raises(ValueError, match='stride = 0'):
        list(opened.play(stride=0))


def test_complete_episodes_open_without_warning(paper_folder):
    folder = paper_folder(annotation=ANNOTATION)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        open_recording(folder)
