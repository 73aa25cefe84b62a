"""One demonstration, real video: how good a model adapted from it is, for several seeds.

    .venv/bin/python bench/one_shot.py --demo EPISODE_DIR [--unseen EPISODE_DIR ...] [--seeds 3]

Judged on episodes the model never saw. Without any, the demonstration itself is played as it was
not: every view bent, moved and recoloured by amounts drawn once, the wrists up to a second out of
step with the front. The baseline looks up the nearest demonstration frame by its small front view.
"""

import argparse
import dataclasses
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.data.episodes import find_recordings, open_recording
from robo_dopamine_ros.reward.compact import load
from robo_dopamine_ros.reward.compact.adaptation import adapt
from robo_dopamine_ros.reward.compact.model import hop
from robo_dopamine_ros.reward.compact.settings import Settings
from robo_dopamine_ros.reward.evaluate import evaluate
from robo_dopamine_ros.types import Hops, Recording, TaskContext, Views

KEYS = (
    'voc', 'voc_reversed', 'mae', 'hop_sign_accuracy', 'identical_hop', 'ood_auroc',
    'false_alarm_rate',
)  # fmt: skip
DATA = Path(os.environ.get('ROBO_DOPAMINE_DATA', Path(__file__).parents[2] / 'shared/data'))
DEMO = DATA / 'agilex_clean_table' / 'episode_001'


class NearestFrame:
    """The baseline: progress of the demonstration frame whose small front view is nearest."""

    name = 'nearest frame'

    def __init__(self, demo: Recording) -> None:
        self.views = demo.views
        assert demo.progress is not None
        stride = 5
        self._known = np.stack([self._feature(v) for v in demo.play(stride=stride)])
        self._progress = demo.progress[::stride]

    def begin(self, context: TaskContext) -> None:
        self._start = self._last = self._look(context.start)

    def step(self, views: Views) -> Hops:
        now, last = self._look(views), self._last
        self._last = now
        forward = hop(now - self._start, self._start)
        return Hops(hop(now - last, last), forward, hop(now - 1.0, 1.0))

    def rest(self) -> None:
        pass

    def _look(self, views: Views) -> float:
        apart = np.square(self._known - self._feature(views)).sum(1)
        return float(self._progress[apart.argmin()])

    def _feature(self, views: Views) -> np.ndarray:
        small = cv2.resize(views.images[self.views[0]], (32, 24), interpolation=cv2.INTER_AREA)
        small = small.astype(np.float32).ravel()
        return (small - small.mean()) / (small.std() + 1.0)


def as_never_seen(demo: Recording, seed: int) -> Recording:
    """The same task in another appearance and with the wrists out of step."""
    rng = np.random.default_rng(seed)
    looks = {view: draw_look(rng, 0.12 if view == demo.views[0] else 0.06) for view in demo.views}
    knots = np.linspace(0, demo.length, 2 + demo.length // round(2 * demo.rate))
    lags = {
        v: rng.normal(0, 0.5 * demo.rate, len(knots)) * (v != demo.views[0]) for v in demo.views
    }

    def play(
        size: tuple[int, int] | None = None,
        stride: int = 1,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[Views]:
        stored = getattr(play, 'frames', None)
        if stored is None:
            stored = play.frames = list(demo.play(size=(320, 240)))  # type: ignore[attr-defined]
        for index in range(demo.length)[start:stop:stride]:
            images = {}
            for view in demo.views:
                lag = np.interp(index, knots, lags[view])
                source = stored[int(np.clip(index + lag, 0, demo.length - 1))].images[view]
                images[view] = apply_look(source, *looks[view])
            yield Views(images, stored[index].stamps)

    return dataclasses.replace(demo, name=f'{demo.name} as never seen, {seed}', play=play)


def draw_look(rng: np.random.Generator, bend: float) -> tuple[np.ndarray, np.ndarray, float]:
    """A sampling map (240, 320, 2), channel gains (3,) and a gamma."""
    rows, columns = np.mgrid[0:240, 0:320].astype(np.float32)
    turn, zoom = rng.uniform(-0.07, 0.07), np.exp(rng.uniform(-0.14, 0.14))
    x, y = (columns - 160) * zoom, (rows - 120) * zoom
    moved = [np.cos(turn) * x - np.sin(turn) * y + 160, np.sin(turn) * x + np.cos(turn) * y + 120]
    bent = [
        part
        + rng.uniform(-0.08, 0.08) * size
        + cv2.resize(rng.normal(0, bend * size / 2, (3, 5)).astype(np.float32), (320, 240),
                     interpolation=cv2.INTER_CUBIC)
        for part, size in zip(moved, (320, 240), strict=True)
    ]  # fmt: skip
    gains = np.exp(rng.normal(0, 0.15, 3) + rng.normal(0, 0.2))
    return np.stack(bent, -1).astype(np.float32), gains, float(np.exp(rng.normal(0, 0.2)))


def apply_look(image: np.ndarray, where: np.ndarray, gains: np.ndarray, gamma: float) -> np.ndarray:
    """(240, 320, 3) uint8 to the same in another appearance."""
    seen = cv2.remap(
        image, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    table = np.clip((np.arange(256)[:, None] / 255 * gains) ** gamma, 0, 1)
    table = (table * 255).astype(np.uint8)
    return np.stack([table[seen[..., c], c] for c in range(3)], -1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--demo', type=Path, default=DEMO)
    parser.add_argument('--unseen', type=Path, nargs='*', default=[])
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=Settings().seconds)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if not args.demo.exists():
        print(f'skipped: no demonstration at {args.demo}; give one with --demo')
        return
    demo = open_recording(args.demo)
    unseen = find_recordings(args.unseen) if args.unseen else [as_never_seen(demo, 7)]
    settings = dataclasses.replace(Settings(), seconds=args.seconds)
    rows = [{'model': 'baseline: nearest frame', **measure(NearestFrame(demo), unseen)}]
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            adapt([demo], Path(folder), settings, seed)
            taken = time.monotonic() - begun
            rows.append({'model': f'adapted, seed {seed}', 'seconds': taken,
                         **measure(load(folder), unseen)})  # fmt: skip
    show(rows, [recording.name for recording in unseen])
    if args.json:
        machine = f'{platform.machine()}, {os.cpu_count()} cores'
        args.json.write_text(json.dumps({'machine': machine, 'rows': rows}, indent=2) + '\n')


def measure(model, unseen: list[Recording]) -> dict[str, float | None]:
    report = evaluate(model, unseen)
    return {key: getattr(report, key) for key in KEYS}


def show(rows: list[dict], names: list[str]) -> None:
    print(f'judged on {", ".join(names)}; {os.cpu_count()} cores')
    print(f'{"":26}{"seconds":>9}' + ''.join(f'{key[:16]:>18}' for key in KEYS))
    for row in rows:
        taken = f'{row["seconds"]:.0f}' if 'seconds' in row else '-'
        values = ''.join(f'{"-" if row[k] is None else format(row[k], ".3f"):>18}' for k in KEYS)
        print(f'{row["model"]:26}{taken:>9}{values}')


if __name__ == '__main__':
    main()
