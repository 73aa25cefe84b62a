"""The reward node with the fake brightness model and a fake training process."""

import sys
from pathlib import Path

from brightness import Brightness

from robo_dopamine_ros.nodes.reward import RewardNode
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.types import VIEWS

TRAINING = """
import json, sys, time
demonstration, model, seed = sys.argv[1:]
if demonstration == 'missing':
    sys.exit('no such demonstration: missing')
for share in (0.0, 0.5, 1.0):
    print(json.dumps({'fraction': share, 'stage': f'seed {seed}', 'loss': 1.0 - share}), flush=True)
time.sleep(60.0 if demonstration == 'long' else 0.0)
"""


def load(folder: str, *_: object) -> Brightness:
    if folder == 'nowhere':
        raise FileNotFoundError('no model in nowhere')
    return Brightness(VIEWS, folder)


def adapt(demonstration: Path, model: Path, seed: int) -> list[str]:
    return [sys.executable, '-c', TRAINING, str(demonstration), str(model), str(seed)]


if __name__ == '__main__':
    sys.exit(run_node(lambda: RewardNode(load, adapt)))
