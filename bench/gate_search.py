"""Search for a law of motion safety that the gate with an arm breaks.

    .venv/bin/robo-dopamine bench gate_search
    .venv/bin/python bench/gate_search.py [--ticks 500000] [--seed 0] [--arms ur5e fr3 piper crisp]
                                          [--json FILE]

Gate and arm run as the gate's node wires them, with simulated drivers that lag, sag, wrap angles,
lose, delay and spoil messages and report faults; arms that are pushed, blocked and led near
singularities and out of the box; people, policies and resets that command anything; stop locks,
zones and enabling switches that act and fall silent; late ticks, suspended computers and clocks
that jump. The laws on what is sent are in test/safety/search_laws.py. Printed is, for each arm, how
often each law was broken; the exit code is 1 if any was. A broken one names the stretch and tick:

    .venv/bin/python bench/gate_search.py --arms ur5e --stretch 17
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

TESTS = Path(__file__).parents[1] / 'test' / 'safety'
sys.path.insert(0, str(TESTS))

from arm_search import STRETCH, Found, World, search  # noqa: E402 (in a folder of tests)
from search_arms import NAMES  # noqa: E402
from search_laws import LAWS  # noqa: E402

SEEDS = 1_000_000  # stretches of one seed are numbered from here on


def stretches(arms: list[str], ticks: int, seed: int) -> Iterator[tuple[str, int]]:
    """Give arms in turn, each with the number of its next stretch."""
    for i in range(max(1, -(-ticks // STRETCH))):
        yield arms[i % len(arms)], seed * SEEDS + i // len(arms)


def run(arms: list[str], ticks: int, seed: int) -> dict[str, Found]:
    """Search with a progress bar."""
    found = {arm: Found() for arm in arms}
    planned = list(stretches(arms, ticks, seed))
    with tqdm(total=len(planned) * STRETCH, unit=' ticks', unit_scale=True, mininterval=1) as bar:
        for arm, stretch in planned:
            search(arm, stretch, found[arm])
            broken = sum(sum(f.broken.values()) for f in found.values())
            bar.set_postfix_str(f'{broken} violations')
            bar.update(STRETCH)
    return found


def show(found: dict[str, Found]) -> None:
    """Print the table, and an example of each broken law."""
    print(f'\n{"":20}' + ''.join(f'{arm:>10}' for arm in found))
    for row, values in (
        ('ticks', [f.ticks for f in found.values()]),
        ('sent', [f.sent for f in found.values()]),
        ('moved by a source', [f.moving for f in found.values()]),
        *((law, [f.broken[law] for f in found.values()]) for law in LAWS),
    ):
        print(f'{row:20}' + ''.join(f'{value:10}' for value in values))
    for arm, result in found.items():
        for law, (stretch, violation) in result.examples.items():
            print(f'{arm}, stretch {stretch}, tick {violation.tick}: {law}: {violation.text}')


def trace(arm: str, stretch: int) -> int:
    """Print every tick of one stretch; return how many violations it has."""
    world, count = World(arm, stretch), 0
    print(world.setup, world.limits, world.settings, sep='\n')
    for index, (tick, violations) in enumerate(world.ticks(STRETCH)):
        broken = ''.join(f' BROKEN {v.law}: {v.text}.' for v in violations)
        position = tick.pose.translation.round(4) if tick.pose else 'nothing'
        print(f'{index} {tick.now:.4f} {tick.control.mode.name} sent {position}{broken}', end=' ')
        print(tick.control.reason)
        count += len(violations)
    return count


def report(found: dict[str, Found], seconds: float) -> dict[str, Any]:
    """Return what is written as JSON."""
    rows = {}
    for arm, result in found.items():
        examples = {
            law: {'stretch': stretch, **asdict(violation)}
            for law, (stretch, violation) in result.examples.items()
        }
        rows[arm] = {
            'ticks': result.ticks,
            'sent': result.sent,
            'moving': result.moving,
            'modes': dict(result.modes),
            'violations': {law: result.broken[law] for law in LAWS},
            'examples': examples,
            'largest': result.worst,
        }
    return {'seconds': round(seconds, 1), 'arms': rows}


def main() -> int:
    """Search, print, save; 1 if a law was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--ticks', type=int, default=500_000, help='of all arms together')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--arms', nargs='+', choices=NAMES, default=list(NAMES))
    parser.add_argument('--stretch', type=int, help='print every tick of one stretch instead')
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if args.stretch is not None:
        return 1 if sum([trace(arm, args.stretch) for arm in args.arms]) else 0
    begun = time.perf_counter()
    found = run(args.arms, args.ticks, args.seed)
    show(found)
    if args.json:
        text = json.dumps(report(found, time.perf_counter() - begun), indent=2)
        args.json.write_text(text + '\n', encoding='utf-8')
    return 1 if any(result.broken for result in found.values()) else 0


if __name__ == '__main__':
    sys.exit(main())
