"""Steps arrive as they were sent, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from robo_dopamine import msg

from robo_dopamine_ros.experience.types import Observation, Step, StepId
from robo_dopamine_ros.nodes.step_messages import step_from_msg, step_to_msg
from robo_dopamine_ros.types import SECOND, Mode

STAMPS = st.integers(1, (2**31 - 2) * SECOND)
COUNTS = st.integers(0, 2**63 - 1)


def observation(rng: np.random.Generator, stamp: int) -> Observation:
    features = rng.normal(0, 3, 6).astype(np.float16)
    return Observation(stamp, features, rng.normal(0, 3, 4).astype(np.float32))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    begin, rng = draw(STAMPS), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Step(
        StepId('run', draw(COUNTS), draw(COUNTS)),
        draw(st.text('abc/-0123', max_size=9)),
        observation(rng, begin),
        observation(rng, begin + draw(st.integers(1, SECOND))),
        draw(st.sampled_from(Mode)),
        rng.normal(0, 1, 6),
        float(rng.random()),
        float(rng.random()),
        draw(COUNTS),
    )


@settings(deadline=None)
@given(steps())
def test_a_step_arrives_as_it_was_sent(step):
    message = step_to_msg(step, 'base')
    received = deserialize_message(serialize_message(message), msg.Step)
    got = step_from_msg(received, 'run')
    assert message.header.frame_id == 'base'
    assert (got.id, got.episode, got.mode) == (step.id, step.episode, step.mode)
    assert (got.gripper, got.gripper_before) == (step.gripper, step.gripper_before)
    assert got.policy_version == step.policy_version
    np.testing.assert_array_equal(got.twist, step.twist)
    for ours, theirs in ((got.begin, step.begin), (got.end, step.end)):
        assert ours.stamp == theirs.stamp
        for name in ('features', 'state'):
            mine, yours = getattr(ours, name), getattr(theirs, name)
            assert (mine.dtype, mine.tobytes()) == (yours.dtype, yours.tobytes())


@settings(deadline=None)
@given(steps(), st.sampled_from([np.nan, np.inf, 1e6]))
def test_features_that_cannot_be_stored_are_refused(step, value):
    message = step_to_msg(step, 'base')
    message.end.features[2] = value
    with pytest.raises(ValueError, match='not finite'):
        step_from_msg(message, 'run')


@settings(deadline=None)
@given(steps())
def test_a_mode_that_does_not_exist_is_refused(step):
    message = step_to_msg(step, 'base')
    message.mode = 9
    with pytest.raises(ValueError, match='9 is not a valid Mode'):
        step_from_msg(message, 'run')
