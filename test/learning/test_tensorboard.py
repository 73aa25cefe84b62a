"""Curves for TensorBoard, where it is installed."""

import importlib.util

import pytest

from robo_dopamine_ros.learning.tensorboard import TensorBoardWriter

THERE = importlib.util.find_spec('tensorboard') is not None


@pytest.mark.skipif(THERE, reason='the package tensorboard is installed')
def test_without_tensorboard_it_says_so_and_writes_nothing(tmp_path):
    book = TensorBoardWriter.open(tmp_path)
    book.add_scalars({'success': 1.0}, 1)
    book.close()
    assert 'install the package tensorboard' in book.reason
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not THERE, reason='the package tensorboard is not installed')
def test_what_was_written_can_be_read(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    book = TensorBoardWriter.open(tmp_path)
    for step in range(5):
        book.add_scalars({'success': step / 4, 'td': 1.0}, step)
    book.close()
    kept = EventAccumulator(str(tmp_path)).Reload()
    assert sorted(kept.Tags()['scalars']) == ['success', 'td']
    assert [(e.step, e.value) for e in kept.Scalars('success')] == [(n, n / 4) for n in range(5)]
