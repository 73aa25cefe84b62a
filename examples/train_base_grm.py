"""Trains the compact GRM that ships in models/grm, on simulated peg insertions.

    .venv/bin/python examples/train_base_grm.py --out models/grm

The rollouts of the scripted expert are successes with and without recovery, partial insertions,
near misses and failures, half of them with randomised lighting, colours and camera poses. Labels
are the true progress. Seeds start at one million, so that rollouts of smaller seeds are held out.
"""

import argparse
import dataclasses
import itertools
from pathlib import Path

from tqdm import tqdm

from robo_dopamine_ros.envs.rollouts import RolloutRecorder
from robo_dopamine_ros.grm.compact.adaptation import adapt
from robo_dopamine_ros.grm.compact.config import CompactTrainConfig
from robo_dopamine_ros.grm.compact.dataset import STORED_SIZE
from robo_dopamine_ros.sim.domain_randomization import VisualRandomization
from robo_dopamine_ros.types import Recording

FIRST_SEED = 1_000_000
MIX = {'demonstration': 4, 'recovery': 4, 'partial': 4, 'near_miss': 4, 'failure': 2}
SETTINGS = CompactTrainConfig(
    steps=900, seconds=3600.0, scenes=4, frames=9, broken=6, strength=0.4, drop=0.15
)


def simulate(recorder: RolloutRecorder, rounds: int) -> list[Recording]:
    """Record `rounds` times the mix of rollouts, every other one with visual randomisation."""
    styles = [style for style, count in MIX.items() for _ in range(count)] * rounds
    randomizations = itertools.cycle([None, VisualRandomization()])
    numbered = zip(styles, itertools.count(FIRST_SEED), randomizations, strict=False)
    bar = tqdm(numbered, total=len(styles), desc='rollouts')
    return [recorder.recording(style, seed, one) for style, seed, one in bar]


def main() -> None:
    """Simulate, train, write the model folder."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, required=True, metavar='MODEL_DIR')
    parser.add_argument('--rounds', type=int, default=12, help=f'of {sum(MIX.values())} rollouts')
    parser.add_argument('--steps', type=int, default=SETTINGS.steps)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=0)
    args = parser.parse_args()
    settings = dataclasses.replace(SETTINGS, steps=args.steps, threads=args.threads)
    with tqdm(total=100, unit='%') as bar:

        def report(fraction: float, stage: str) -> None:
            bar.set_description_str(stage, refresh=False)
            bar.n = round(100 * fraction)
            bar.refresh()

        with RolloutRecorder(STORED_SIZE) as recorder:
            episodes = simulate(recorder, args.rounds)
            print(adapt(episodes, args.out, settings, args.seed, report=report))


if __name__ == '__main__':
    main()
