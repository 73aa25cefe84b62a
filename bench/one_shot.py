"""One-shot adaptation on real video: metrics of models adapted from one demonstration, by seed.

    .venv/bin/python bench/one_shot.py --demo EPISODE_DIR [--unseen EPISODE_DIR ...] [--seeds 3]

The models are evaluated on episodes they were not trained on. Without any, the demonstration is
played in another appearance: every view warped, moved and recoloured by amounts drawn once, and the
wrist views shifted in time by up to a second. The baseline takes the progress of the demonstration
frame whose small front view is nearest.
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

from robo_dopamine_ros.data.episode_folder import find_recordings, open_recording
from robo_dopamine_ros.grm.compact.adaptation import adapt
from robo_dopamine_ros.grm.compact.config import CompactTrainConfig
from robo_dopamine_ros.grm.compact.loading import load_compact
from robo_dopamine_ros.grm.hops import hop_from_change
from robo_dopamine_ros.reward.evaluation import evaluate
from robo_dopamine_ros.types import Hops, Recording, TaskContext, Views

KEYS = (
    'voc', 'voc_reversed', 'mae', 'hop_sign_accuracy', 'identical_hop', 'ood_auroc',
    'false_alarm_rate',
)  # fmt: skip
DATA = Path(os.environ.get('ROBO_DOPAMINE_DATA', Path(__file__).parents[2] / 'shared/data'))
DEMO = DATA / 'agilex_clean_table' / 'episode_001'


class NearestFrameBaseline:
    """Baseline model: progress of the demonstration frame whose small front view is nearest."""

    name = 'nearest frame'

    def __init__(self, demo: Recording) -> None:
        self.views = demo.views
        assert demo.progress is not None
        stride = 5
        self._known = np.stack([self._feature(v) for v in demo.play(stride=stride)])
        self._progress = demo.progress[::stride]

    def reset(self, context: TaskContext) -> None:
        self._start = self._last = self._progress_of(context.start)

    def step(self, views: Views) -> Hops:
        now, last = self._progress_of(views), self._last
        self._last = now
        forward = hop_from_change(now - self._start, self._start)
        return Hops(hop_from_change(now - last, last), forward, hop_from_change(now - 1.0, 1.0))

    def prepare_next(self) -> None:
        pass

    def _progress_of(self, views: Views) -> float:
        distance = np.square(self._known - self._feature(views)).sum(1)
        return float(self._progress[distance.argmin()])

    def _feature(self, views: Views) -> np.ndarray:
        small = cv2.resize(views.images[self.views[0]], (32, 24), interpolation=cv2.INTER_AREA)
        small = small.astype(np.float32).ravel()
        return (small - small.mean()) / (small.std() + 1.0)


def augmented(demo: Recording, seed: int) -> Recording:
    """The recording in another appearance, with the wrist views shifted in time."""
    rng = np.random.default_rng(seed)
    appearances = {
        view: draw_appearance(rng, 0.12 if view == demo.views[0] else 0.06) for view in demo.views
    }
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
                images[view] = apply_appearance(source, *appearances[view])
            yield Views(images, stored[index].stamps)

    return dataclasses.replace(demo, name=f'{demo.name} augmented, {seed}', play=play)


def draw_appearance(rng: np.random.Generator, bend: float) -> tuple[np.ndarray, np.ndarray, float]:
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


def apply_appearance(
    image: np.ndarray, where: np.ndarray, gains: np.ndarray, gamma: float
) -> np.ndarray:
    """Apply an appearance to an image (240, 320, 3) uint8."""
    warped = cv2.remap(
        image, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    table = np.clip((np.arange(256)[:, None] / 255 * gains) ** gamma, 0, 1)
    table = (table * 255).astype(np.uint8)
    return np.stack([table[warped[..., c], c] for c in range(3)], -1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--demo', type=Path, default=DEMO)
    parser.add_argument('--unseen', type=Path, nargs='*', default=[])
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=CompactTrainConfig().seconds)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if not args.demo.exists():
        print(f'skipped: no demonstration at {args.demo}; give one with --demo')
        return
    demo = open_recording(args.demo)
    unseen = find_recordings(args.unseen) if args.unseen else [augmented(demo, 7)]
    settings = dataclasses.replace(CompactTrainConfig(), seconds=args.seconds)
    rows = [{'model': 'baseline: nearest frame', **measure(NearestFrameBaseline(demo), unseen)}]
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            adapt([demo], Path(folder), settings, seed)
            taken = time.monotonic() - begun
            rows.append({'model': f'adapted, seed {seed}', 'seconds': taken,
                         **measure(load_compact(folder), unseen)})  # fmt: skip
    show(rows, [recording.name for recording in unseen])
    if args.json:
        machine = f'{platform.machine()}, {os.cpu_count()} cores'
        args.json.write_text(json.dumps({'machine': machine, 'rows': rows}, indent=2) + '\n')


def measure(model, unseen: list[Recording]) -> dict[str, float | None]:
    report = evaluate(model, unseen)
    return {key: getattr(report, key) for key in KEYS}


def show(rows: list[dict], names: list[str]) -> None:
    print(f'evaluated on {", ".join(names)}; {os.cpu_count()} cores')
    print(f'{"":26}{"seconds":>9}' + ''.join(f'{key[:16]:>18}' for key in KEYS))
    for row in rows:
        taken = f'{row["seconds"]:.0f}' if 'seconds' in row else '-'
        values = ''.join(f'{"-" if row[k] is None else format(row[k], ".3f"):>18}' for k in KEYS)
        print(f'{row["model"]:26}{taken:>9}{values}')


if __name__ == '__main__':
    main()
