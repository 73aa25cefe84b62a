"""The recorder with a disk that a test sets: `limit` [bytes] and `stuck` are files of the run."""

import sys
import time
from typing import Any

from robo_dopamine_ros.learning.experience import Experience
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.intake import reopen_experience
from robo_dopamine_ros.nodes.recorder import Recorder
from robo_dopamine_ros.ros.run import run


def reopen(folder: Folder) -> Experience:
    limit = folder.path / 'limit'
    experience = reopen_experience(folder, int(limit.read_text()) if limit.exists() else 0)
    record = experience.record

    def late(event: Any, now: int) -> Any:
        while (folder.path / 'stuck').exists():
            time.sleep(0.01)
        return record(event, now)

    experience.record = late
    return experience


if __name__ == '__main__':
    sys.exit(run(lambda: Recorder(reopen)))
