"""The recorder with a disk that a test sets: `limit` [bytes] and `stuck` are files of the run."""

import sys
import time
from typing import Any

from robo_dopamine_ros.experience.writer import ExperienceWriter
from robo_dopamine_ros.nodes.recorder import RecorderNode
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.training.config import RunDir, reopen_experience_writer


def reopen(folder: RunDir) -> ExperienceWriter:
    limit = folder.path / 'limit'
    experience = reopen_experience_writer(folder, int(limit.read_text()) if limit.exists() else 0)
    record = experience.record

    def late(event: Any, now: int) -> Any:
        while (folder.path / 'stuck').exists():
            time.sleep(0.01)
        return record(event, now)

    experience.record = late
    return experience


if __name__ == '__main__':
    sys.exit(run_node(lambda: RecorderNode(reopen)))
