import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.data import subtasks
from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.subtasks import Subtask


@st.composite
def annotated(draw):
    """Sub-tasks in order, perhaps with gaps between them, and an episode that holds them."""
    count = draw(st.integers(1, 8))
    steps = draw(st.lists(st.integers(1, 40), min_size=count, max_size=count))
    gaps = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    made, at = [], 0
    for i, (step, gap) in enumerate(zip(steps, gaps, strict=True)):
        made.append(Subtask(f's{i}', at + gap, at + gap + step))
        at += gap + step
    return tuple(made), at + 1 + draw(st.integers(0, 10))


@given(annotated())
def test_progress_rises_from_zero_to_one(case):
    made, length = case
    phi = subtasks.linear_progress(made, length)
    assert phi.shape == (length,)
    assert np.all(np.diff(phi) >= 0)
    assert np.all(phi[: made[0].start + 1] == 0)
    assert np.all(phi[made[-1].end :] == 1)


@given(annotated())
def test_progress_grows_linearly_and_equally_in_every_subtask(case):
    made, length = case
    phi = subtasks.linear_progress(made, length)
    for i, subtask in enumerate(made):
        inside = phi[subtask.start : subtask.end + 1]
        expected = np.linspace(i, i + 1, subtask.end - subtask.start + 1) / len(made)
        np.testing.assert_allclose(inside, expected, atol=1e-12)


@given(annotated())
def test_progress_is_constant_between_subtasks(case):
    made, length = case
    phi = subtasks.linear_progress(made, length)
    for before, after in zip(made, made[1:], strict=False):
        assert np.ptp(phi[before.end : after.start + 1]) == 0


@given(annotated())
def test_subtasks_come_back_from_disk(tmp_path_factory, case):
    made, length = case
    path = tmp_path_factory.mktemp('subtasks') / subtasks.ANNOTATION_FILE
    subtasks.write_subtasks(path, made)
    assert subtasks.read_subtasks(path, length) == made


def entry(start, end, name='pick'):
    return {'anotation': name, 'start_frame_id': start, 'end_frame_id': end}


FAULTS = {
    'overlap': ([entry(0, 9), entry(5, 15)], 'entry 1 (pick): start_frame_id = 5 overlaps'),
    'out of range': ([entry(0, 21)], 'end_frame_id = 21 lies outside the episode'),
    'starts behind': ([entry(20, 20)], 'start_frame_id = 20 lies outside the episode'),
    'negative': ([entry(-1, 5)], 'start_frame_id = -1 lies outside the episode'),
    'backwards': ([entry(9, 3)], 'end_frame_id = 3 must be greater than start_frame_id = 9'),
    'no length': ([entry(9, 9)], 'end_frame_id = 9 must be greater than start_frame_id = 9'),
    'unsorted': ([entry(10, 15), entry(0, 9)], 'start_frame_id = 0 overlaps the entry before'),
    'misspelt': (
        [{'anotation': 'pick', 'start_frame': 0, 'end_frame_id': 9}],
        "'start_frame_id' is missing (it has 'start_frame')",
    ),
    'fraction': ([entry(0, 9.5)], 'end_frame_id = 9.5, but a whole frame number is needed'),
    'truth value': ([entry(False, 9)], 'start_frame_id = False, but a whole frame'),
    'empty': ([], 'expected a list of sub-tasks'),
    'object': ({'subtasks': []}, 'expected a list of sub-tasks'),
    'number': ([3], 'entry 0: expected an object, got 3'),
    'broken text': ('[{"anotation": ', 'not JSON'),
}


@pytest.mark.parametrize(('written', 'said'), FAULTS.values(), ids=FAULTS)
def test_faults_are_named(tmp_path, written, said):
    import json

    path = tmp_path / subtasks.ANNOTATION_FILE
    path.write_text(written if isinstance(written, str) else json.dumps(written))
    with pytest.raises(EpisodeError) as fault:
        subtasks.read_subtasks(path, 20)
    assert said in str(fault.value)
    assert str(path) in str(fault.value)


def test_the_correct_spelling_is_read_too(tmp_path):
    path = tmp_path / subtasks.ANNOTATION_FILE
    path.write_text('[{"annotation": "pick", "start_frame_id": 0, "end_frame_id": 9}]')
    assert subtasks.read_subtasks(path, 20) == (Subtask('pick', 0, 9),)


@pytest.mark.parametrize(('end', 'longest'), [(19, 20), (20, 20), (20, 22), (21, 22), (22, 22)])
def test_a_subtask_may_end_at_the_number_of_frames_of_the_longest_view(tmp_path, end, longest):
    path = tmp_path / subtasks.ANNOTATION_FILE
    subtasks.write_subtasks(path, (Subtask('a', 0, 9), Subtask('b', 9, end)))
    read = subtasks.read_subtasks(path, 20, longest)
    assert read == (Subtask('a', 0, 9), Subtask('b', 9, 19))
    assert subtasks.linear_progress(read, 20)[-1] == 1.0


def test_a_subtask_in_the_part_that_was_cut_off_is_refused(tmp_path):
    path = tmp_path / subtasks.ANNOTATION_FILE
    subtasks.write_subtasks(path, (Subtask('a', 0, 9), Subtask('b', 19, 22)))
    with pytest.raises(EpisodeError, match='end_frame_id = 19 must be greater than'):
        subtasks.read_subtasks(path, 20, 22)
