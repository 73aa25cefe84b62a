"""Trains the compact GRM that ships in models/grm, on simulated peg insertions.

    .venv/bin/python examples/train_base_grm.py --out models/grm

The operator's rollouts are graded: clean and recovered successes, partial insertions, near misses
and failures, half of them in randomised light, colours and camera poses. Their true progress is
the label. Seeds start at one million, so that rollouts drawn from smaller seeds are unseen.
"""

import argparse
import dataclasses
import itertools
from pathlib import Path

from tqdm import tqdm

from robo_dopamine_ros.reward.compact.adaptation import adapt
from robo_dopamine_ros.reward.compact.dataset import SIZE
from robo_dopamine_ros.reward.compact.settings import Settings
from robo_dopamine_ros.sim.rollouts import Studio
from robo_dopamine_ros.sim.variation import Looks
from robo_dopamine_ros.types import Recording

FIRST_SEED = 1_000_000
MIX = {'demonstration': 4, 'recovery': 4, 'partial': 4, 'near_miss': 4, 'failure': 2}
SETTINGS = Settings(
    steps=900, seconds=3600.0, scenes=4, frames=9, broken=6, strength=0.4, drop=0.15
)


def simulate(studio: Studio, rounds: int) -> list[Recording]:
    """Draw `rounds` times the mix of rollouts, every other one in a look of its own."""
    styles = [style for style, count in MIX.items() for _ in range(count)] * rounds
    looks = itertools.cycle([None, Looks()])
    numbered = zip(styles, itertools.count(FIRST_SEED), looks, strict=False)
    bar = tqdm(numbered, total=len(styles), desc='rollouts')
    return [studio.recording(style, seed, look) for style, seed, look in bar]


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

        def tell(share: float, what: str) -> None:
            bar.set_description_str(what, refresh=False)
            bar.n = round(100 * share)
            bar.refresh()

        with Studio(SIZE) as studio:
            episodes = simulate(studio, args.rounds)
            print(adapt(episodes, args.out, settings, args.seed, report=tell))


if __name__ == '__main__':
    main()
