import json
import re
import shutil
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


def rename_pictures(folder, view, name):
    for number, path in enumerate(sorted((folder / view).iterdir()), start=1):
        path.rename(path.with_name(name(number)))


NUMBERED = {
    'plain': lambda number: f'{number}.png',
    'prefix': lambda number: f'frame_{number}.png',
    'two numbers': lambda number: f'{number // 10}-{number % 10}.png',
    'seconds': lambda number: f'17.{number:09d}.png',
}


@pytest.mark.parametrize('name', NUMBERED.values(), ids=NUMBERED)
def test_numbered_pictures_play_in_the_order_of_their_numbers(recording, tmp_path, name):
    made = recording(length=45)
    folder = save_recording(made, tmp_path / 'saved', 'images')
    for view in VIEWS:
        rename_pictures(folder, view, name)
    for a, b in zip(open_recording(folder).play(), made.play(), strict=True):
        for view in VIEWS:
            np.testing.assert_array_equal(a.images[view], b.images[view])


def test_folders_of_pictures_may_have_the_names_of_the_papers_videos(recording, tmp_path):
    folder = save_recording(recording(length=3), tmp_path / 'saved', 'images')
    for view, name in (('front', 'high'), ('left_wrist', 'left_wrist')):
        (folder / view).rename(folder / f'cam_{name}')
    assert open_recording(folder).views == VIEWS


def test_episodes_are_found_in_the_order_of_their_numbers(recording, tmp_path):
    for number in (10, 9, 1):
        save_recording(recording(length=3), tmp_path / f'episode_{number}', 'images')
    assert [r.name for r in find_recordings([tmp_path])] == ['episode_1', 'episode_9', 'episode_10']


# What can be wrong.


@pytest.mark.parametrize(
    ('names', 'said'),
    [
        (('begin', 'middle', 'end'), 'begin.png and end.png is open, because they do not differ'),
        (('01', '1', '2'), '01.png and 1.png is open, because they do not differ in a number'),
        (('a1', 'a2', 'b3'), 'a1.png and b3.png is open, because they differ in more than numbers'),
        (('1.5', '1.25', '1.75'), 'is open, because they have decimals of different length'),
    ],
)
def test_pictures_whose_order_is_open_are_refused(recording, tmp_path, names, said):
    folder = save_recording(recording(length=3), tmp_path / 'saved', 'images')
    rename_pictures(folder, 'front', lambda number: f'{names[number - 1]}.png')
    with pytest.raises(EpisodeError, match=re.escape(said)):
        open_recording(folder)


def test_two_names_of_one_view_are_refused(recording, tmp_path):
    folder = save_recording(recording(length=3), tmp_path / 'saved', 'images')
    shutil.copytree(folder / 'front', folder / 'cam_high')
    with pytest.raises(EpisodeError, match='cam_high and front are both the view front; keep one'):
        open_recording(folder)


def test_pictures_of_12_bits_are_not_played_dark(recording, tmp_path):
    folder = save_recording(recording(length=3), tmp_path / 'saved', 'images')
    for path in (folder / 'front').iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path)).astype(np.uint16) << 4)
    with pytest.raises(EpisodeError, match='files of 16 bits whose brightest value is 3520'):
        open_recording(folder)
    for path in (folder / 'front').iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED) << 4)
    assert next(iter(open_recording(folder).play())).images['front'].max() == 220


def test_hidden_files_are_no_pictures(recording, tmp_path):
    folder = save_recording(recording(length=3), tmp_path / 'saved', 'images')
    (folder / 'front' / '._000000.png').write_bytes(b'not a picture')
    assert len(list(open_recording(folder).play())) == 3


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


def test_annotations_of_the_longest_video_fit_the_shortest(paper_folder):
    annotation = [{'anotation': 'place', 'start_frame_id': 2, 'end_frame_id': 20}]
    folder = paper_folder(annotation=annotation, high=20, left_wrist=18, right_wrist=20)
    with pytest.warns(EpisodeWarning, match='using 18 frames'):
        recording = open_recording(folder)
    assert recording.keyframes == (2, 17)
    assert recording.progress[17] == 1.0


def test_metadata_of_the_longest_view_fit_the_shortest(recording, tmp_path):
    made = recording(length=9, progress=np.linspace(0, 1, 9) ** 2, keyframes=(1, 4, 9))
    folder = save_recording(made, tmp_path / 'saved', 'images')
    (folder / 'left_wrist' / '000008.png').unlink()
    opened = open_recording(folder)
    assert (opened.length, opened.keyframes) == (8, (1, 4, 7))
    np.testing.assert_allclose(opened.progress, made.progress[:8], atol=1e-6)


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
