"""Sweeping what killed processes leave in shared memory, and nothing else."""

import fcntl
import time

import pytest

from robo_dopamine_ros.ros.shared_memory import MIN_AGE, remove_stale, stale_files

LATER = MIN_AGE + 1.0


@pytest.fixture
def folder(tmp_path):
    for name in ('fastrtps_a1', 'fastrtps_a1_el', 'fastrtps_b2', 'fastrtps_b2_el'):
        (tmp_path / name).write_bytes(b'x' * 4096)
    for name in ('fastrtps_port7400', 'fastrtps_port7400_el', 'fastrtps_port7400_sl',
                 'sem.fastrtps_port7400_mutex', 'somebody_else'):  # fmt: skip
        (tmp_path / name).touch()
    return tmp_path


def names(found):
    return {path.name for path in found}


def test_only_what_nobody_holds_is_stale(folder):
    with (folder / 'fastrtps_a1_el').open() as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        assert names(stale_files(folder, time.time() + LATER)) == {'fastrtps_b2', 'fastrtps_b2_el'}
    segments = {'fastrtps_a1', 'fastrtps_a1_el', 'fastrtps_b2', 'fastrtps_b2_el'}
    assert names(stale_files(folder, time.time() + LATER)) == segments  # ports are shared by many


def test_young_files_may_belong_to_a_process_that_starts(folder):
    assert stale_files(folder) == []
    assert remove_stale(folder) == 0


def test_a_missing_folder_has_nothing_stale(tmp_path):
    assert stale_files(tmp_path / 'none') == []
