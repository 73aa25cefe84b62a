"""Every type survives the conversion to its message and back."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from robo_dopamine import msg

from robo_dopamine_ros.ros import convert
from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.types import (
    ArmCommand,
    ArmState,
    Control,
    Episode,
    LearnerStatus,
    Mode,
    Outcome,
    Phase,
    Pose,
    Progress,
    RecorderStatus,
    Reward,
)

STAMPS = st.integers(0, (2**31 - 1) * 10**9 + 999_999_999)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
COUNTS = st.integers(0, 2**32 - 1)
VERSIONS = st.integers(0, 2**64 - 1)
WORDS = st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=20)


def vectors(size: int) -> st.SearchStrategy[np.ndarray]:
    return st.lists(NUMBERS, min_size=size, max_size=size).map(np.array)


JOINTS = st.integers(1, 8).flatmap(vectors)
POSES = st.builds(Pose, position=vectors(3), orientation=vectors(4))
COMMANDS = st.builds(
    ArmCommand,
    stamp=STAMPS,
    twist=vectors(6),
    joints=st.none() | JOINTS,
    gripper=NUMBERS,
    valid=st.booleans(),
    reason=WORDS,
    policy_version=VERSIONS,
)
PLAIN = {int: COUNTS, float: NUMBERS, bool: st.booleans(), str: WORDS}


def plain(kind: type, **known: st.SearchStrategy) -> st.SearchStrategy:
    """Build a dataclass whose fields are drawn by their types, except those given."""
    drawn = {f.name: PLAIN[f.type] for f in dataclasses.fields(kind) if f.type in PLAIN}
    return st.builds(kind, **{**drawn, 'stamp': STAMPS, **known})


ARM_STATES = st.builds(
    ArmState,
    stamp=STAMPS,
    pose=POSES,
    twist=vectors(6),
    joints=JOINTS,
    joint_velocities=JOINTS,
    joint_names=st.lists(WORDS).map(tuple),
    gripper=NUMBERS,
    wrench=vectors(6),
    fault=WORDS,
    driver=WORDS,
)
CONTROLS = plain(Control, mode=st.sampled_from(Mode), sent=COMMANDS, target=st.none() | POSES)
LEARNER = plain(
    LearnerStatus,
    losses=st.dictionaries(WORDS, NUMBERS),
    updates=VERSIONS,
    policy_version=VERSIONS,
)
EPISODES = plain(Episode, phase=st.sampled_from(Phase), outcome=st.sampled_from(Outcome))
REWARDS = plain(Reward, previous_stamp=STAMPS)
CASES = {
    'progress': (plain(Progress), convert.to_msg, convert.from_msg),
    'reward': (
        plain(Reward, previous_stamp=STAMPS),
        convert.to_msg,
        convert.from_msg,
    ),
    'episode': (EPISODES, convert.to_msg, convert.from_msg),
    'recorder status': (
        plain(RecorderStatus, epoch=VERSIONS, sequence=VERSIONS),
        convert.to_msg,
        convert.from_msg,
    ),
    'learner': (LEARNER, convert.to_msg, convert.from_msg),
    'arm state': (
        ARM_STATES,
        lambda state: convert.to_msg(state, 'base'),
        convert.from_msg,
    ),
    'command': (
        COMMANDS,
        lambda c: convert.to_msg(c, 'base'),
        convert.from_msg,
    ),
    'control': (
        CONTROLS,
        lambda c: convert.to_msg(c, 'base'),
        convert.from_msg,
    ),
}


def same(one: object, other: object) -> bool:
    """Whether two values are equal field by field, NaN equal to NaN."""
    if dataclasses.is_dataclass(one):
        assert type(one) is type(other)
        return all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one)
        )
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return one == other


@pytest.mark.parametrize('case', CASES)
def test_every_type_survives_its_message(case: str) -> None:
    values, there, back = CASES[case]

    @given(values)
    def survives(value: object) -> None:
        assert same(back(there(value)), value)

    survives()


@given(STAMPS)
def test_stamps_are_exact(stamp: int) -> None:
    assert convert.from_time(convert.to_time(stamp)) == stamp


@pytest.mark.parametrize(
    ('kind', 'message'),
    [(Progress, msg.Progress), (Reward, msg.Reward), (Episode, msg.Episode)],
)
def test_message_and_type_have_the_same_fields(kind: type, message: type) -> None:
    known = set(message.get_fields_and_field_types()) - {'header'} | {'stamp'}
    assert known == {field.name for field in dataclasses.fields(kind)}


def test_constants_of_messages_are_those_of_the_enums() -> None:
    for phase in Phase:
        assert getattr(msg.Episode, phase.name) == phase
    for outcome in Outcome:
        assert getattr(msg.Episode, outcome.name) == outcome
    for mode in Mode:
        assert getattr(msg.Control, mode.name) == mode


def test_unknown_phase_is_refused() -> None:
    with pytest.raises(ValueError, match='9 is not a valid Phase'):
        convert.from_msg(msg.Episode(phase=9))


def test_image_becomes_its_message() -> None:
    image = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    message = image_to_msg(image, 1_500_000_000, 'front')
    assert (message.height, message.width, message.step, message.encoding) == (2, 4, 12, 'rgb8')
    assert bytes(message.data) == image.tobytes()
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 500_000_000)
    with pytest.raises(ValueError, match=r'image = float64 \(2, 4, 3\); it must be uint8'):
        image_to_msg(image.astype(float), 0)
