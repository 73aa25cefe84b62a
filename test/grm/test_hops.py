"""Hop labels (Eq 2) and their inverse (Eq 4 to 7)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.grm.hops import hop_label
from robo_dopamine_ros.reward.progress import (
    backward_progress,
    forward_progress,
    increment,
    progress_after,
)

PROGRESS = st.floats(0.0, 1.0)
HOP = st.floats(-1.0, 1.0)


@pytest.mark.parametrize(
    ('before', 'after', 'hop'),
    [
        (0.0, 0.25, 0.25),
        (0.5, 0.75, 0.5),  # half of what was left
        (0.75, 0.5, -1 / 3),  # a third of what had been reached
        (1.0, 0.4, -0.6),
        (0.4, 1.0, 1.0),
        (0.4, 0.0, -1.0),
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0),
        (0.3, 0.3, 0.0),
    ],
)
def test_hop_label_by_hand(before, after, hop):
    assert hop_label(before, after) == pytest.approx(hop)


@given(PROGRESS, PROGRESS)
def test_progress_after_inverts_hop_label(before, after):
    hop = hop_label(before, after)
    assert -1.0 <= hop <= 1.0
    assert progress_after(before, hop) == pytest.approx(after, abs=2e-9)


@given(st.floats(0.01, 0.99), HOP.filter(lambda hop: abs(hop) > 1e-6))
def test_hop_label_inverts_progress_after(before, hop):
    assert hop_label(before, progress_after(before, hop)) == pytest.approx(hop, abs=1e-6)


@given(PROGRESS, HOP)
def test_no_hop_leaves_the_unit_interval(before, hop):
    for progress in (progress_after(before, hop), forward_progress(hop), backward_progress(hop)):
        assert 0.0 <= progress <= 1.0


def test_perspectives_by_hand():
    assert increment(0.5, 0.2) == pytest.approx(0.1)
    assert increment(0.5, -0.2) == pytest.approx(-0.1)
    assert forward_progress(0.3) == pytest.approx(0.3)
    assert forward_progress(-0.3) == 0.0  # the clamp comes before Eq 9
    assert forward_progress(-0.3, start=1.0) == pytest.approx(0.7)  # reversed playback
    assert backward_progress(-0.2) == pytest.approx(0.8)
    assert backward_progress(0.2) == 1.0


def test_labels_of_a_whole_episode_at_once():
    phi = np.array([0.0, 0.5, 0.25, 1.0])
    assert hop_label(phi[:-1], phi[1:]) == pytest.approx([0.5, -0.5, 1.0])


def test_progress_outside_the_unit_interval_is_refused():
    with pytest.raises(ValueError, match=r'before = 1\.5; progress must be within 0\.\.1'):
        hop_label(1.5, 0.2)
    with pytest.raises(ValueError, match='after = nan'):
        hop_label(0.2, np.nan)
