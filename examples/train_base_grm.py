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
from robo_dopamine_ros.reward.compact.training import Settings
from robo_dopamine_ros.sim.rollouts import recordings
from robo_dopamine_ros.sim.variation import Looks
from robo_dopamine_ros.types import Recording

FIRST_SEED = 1_000_000
MIX = {'demonstration': 4, 'recovery': 4, 'partial': 4, 'near_miss': 4, 'failure': 2}
SETTINGS = Settings(
    steps=3000, seconds=3600.0, scenes=4, frames=9, broken=6, strength=0.4, drop=0.15, rate=1.5e-3
)


def simulate(rounds: int) -> list[Recording]:
    """Draw `rounds` times the mix of rollouts."""
    styles = [style for style, count in MIX.items() for _ in range(count)] * rounds
    wanted = list(zip(styles, itertools.count(FIRST_SEED), strict=False))
    plain, varied = wanted[::2], wanted[1::2]
    drawn = itertools.chain(recordings(plain, SIZE), recordings(varied, SIZE, Looks()))
    return list(tqdm(drawn, total=len(wanted), desc='rollouts'))


def main() -> None:
    """Simulate, train, write the model folder."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, required=True, metavar='MODEL_DIR')
    parser.add_argument('--rounds', type=int, default=14, help=f'of {sum(MIX.values())} rollouts')
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

        print(adapt(simulate(args.rounds), args.out, settings, args.seed, report=tell))


if __name__ == '__main__':
    main()
