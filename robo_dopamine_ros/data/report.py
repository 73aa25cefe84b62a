"""Draws an episode: film strip, progress against the truth, confidence, hops, reward."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from robo_dopamine_ros.data.filmstrip import Shot, moments, nearest, strip
from robo_dopamine_ros.data.series import Series

INK, GREY, FAINT = '#22303c', '#7d8b99', '#e3e8ed'
FUSED, TRUTH = '#0b6aa8', '#22303c'
PERSPECTIVES = {'incremental': '#d9902f', 'forward': '#4e9a6b', 'backward': '#9b6aa6'}
GAIN, LOSS = '#4e9a6b', '#c8553d'
LEFT, RIGHT = 0.06, 0.905  # the time axis, as parts of the figure's width
WIDTH, DPI = 14.0, 140  # [in], [1/in]
GAPS = (0.2, 0.05, 0.3, 0.2, 0.22, 0.28, 0.55)  # above each row and below the last [in]
COLUMNS = 12  # pictures along the strip
STYLE: dict[Any, Any] = {
    'font.size': 10,
    'text.color': INK,
    'axes.edgecolor': FAINT,
    'axes.labelcolor': GREY,
    'axes.linewidth': 0.8,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.axisbelow': True,
    'xtick.color': GREY,
    'ytick.color': GREY,
    'xtick.major.size': 0,
    'ytick.major.size': 0,
}


def page(
    series: Series, shots: Sequence[Shot], views: Sequence[str], figures: Mapping[str, str]
) -> np.ndarray:
    """Draw an episode, (H, W, 3) uint8 RGB; `figures` are the headline numbers, label -> text."""
    cell = _cell(shots, views)
    heights = (0.8, cell[1] * len(views), 3.4, 0.4, 0.65, 0.95)
    with plt.rc_context(STYLE):
        figure, (header, film, *plots) = _page(heights)
        _header(header, series, figures)
        _film(film, series, shots, views, cell)
        for plot, fill in zip(plots, (_progress, _confidence, _hops, _rewards), strict=True):
            fill(plot, series)
        _share_time(plots, series)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        drawn = np.array(canvas.buffer_rgba())[..., :3]
        plt.close(figure)
    return drawn


def write(pages: Sequence[np.ndarray], path: Path) -> None:
    """Write pages, all of the same width, below one another as one picture."""
    plt.imsave(path, np.concatenate(pages))


def _page(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """A page with axes of the given heights [in] below one another."""
    tall = sum(heights) + sum(GAPS)
    figure = plt.figure(figsize=(WIDTH, tall), dpi=DPI, facecolor='white')
    top, axes = tall, []
    for height, gap in zip(heights, GAPS, strict=False):
        top -= gap + height
        axes.append(figure.add_axes((LEFT, top / tall, RIGHT - LEFT, height / tall)))
    return figure, axes


def _cell(shots: Sequence[Shot], views: Sequence[str]) -> tuple[float, float]:
    """Width and height of one picture of the strip [in]; very wide or tall ones are cropped."""
    width = WIDTH * (RIGHT - LEFT) / COLUMNS
    shapes = [shot.images[view].shape for shot in shots for view in views if view in shot.images]
    ratio = shapes[0][1] / shapes[0][0] if shapes else 4 / 3
    return width, width / min(1.8, max(1.2, ratio))


def _header(axes: Axes, series: Series, figures: Mapping[str, str]) -> None:
    axes.axis('off')
    say = partial(axes.text, transform=axes.transAxes, va='baseline')
    say(0, 0.62, series.title, size=19, weight='bold')
    task = f'\u201c{series.instruction}\u201d' if series.instruction else 'no instruction'
    facts = [task, f'model {series.model}', f'{series.duration:.1f} s', series.outcome]
    say(0, 0.18, '   ·   '.join(fact for fact in facts if fact), size=10.5, color=GREY)
    for i, (label, text) in enumerate(reversed(list(figures.items()))):
        x = 1 - 0.092 * i
        say(x, 0.62, text, size=16, ha='right')
        say(x, 0.24, label, size=8.5, color=GREY, ha='right')


def _film(
    axes: Axes,
    series: Series,
    shots: Sequence[Shot],
    views: Sequence[str],
    cell: tuple[float, float],
) -> None:
    axes.axis('off')
    if not shots:
        return
    chosen = nearest(shots, moments(series.duration, COLUMNS))
    size = (round(cell[0] * DPI), round(cell[1] * DPI))
    sheet = strip(chosen, views, size, gap=3)
    axes.imshow(sheet, aspect='auto', extent=(0, 1, 0, 1), interpolation='none')
    for row, view in enumerate(views):
        y = 1 - (row + 0.5) / len(views)
        name = view.replace('_', ' ')
        axes.text(-0.012, y, name, rotation=90, ha='center', va='center', size=9, color=GREY)


def _progress(axes: Axes, series: Series) -> None:
    axes.set_ylim(-0.03, 1.09)
    axes.set_yticks(np.linspace(0, 1, 5), ['0', '25', '50', '75', '100 %'])
    axes.grid(axis='y', color=FAINT, lw=0.8)
    _keyframes(axes, series)
    for name, spans in series.spans.items():
        for begin, end in spans:
            axes.axvspan(begin, end, color=LOSS, alpha=0.07, lw=0)
            axes.text((begin + end) / 2, 0.01, name, size=8, color=LOSS, ha='center')
    perspectives = {n: c for n, c in PERSPECTIVES.items() if np.isfinite(series.read[n]).any()}
    if perspectives:
        stack = np.stack([series.read[name] for name in perspectives])
        low, high = np.fmin.reduce(stack), np.fmax.reduce(stack)  # where one is NaN, the others
        axes.fill_between(series.time, low, high, color=FUSED, alpha=0.08, lw=0)
    labels = []
    for name, colour in perspectives.items():
        axes.plot(series.time, series.read[name], color=colour, lw=1.1, alpha=0.9)
        labels.append((float(series.read[name][-1]), name, colour, 'normal'))
    if series.truth is not None:
        axes.plot(series.truth.time, series.truth.value, color=TRUTH, lw=1.4, ls=(0, (4, 2.5)))
        labels.append((float(series.truth.value[-1]), series.truth_name, TRUTH, 'normal'))
    axes.plot(series.time, _gaps(series, 'progress'), color=FUSED, lw=2.6)
    if len(series.time):
        labels.append((float(series.read['progress'][-1]), 'progress', FUSED, 'bold'))
    _proposals(axes, series)
    _label_ends(axes, labels, series.duration)


def _keyframes(axes: Axes, series: Series) -> None:
    """A hairline at every keyframe and, where there is room, the number of each sub-task."""
    axes.vlines(series.keyframes, -0.03, 1.03, color='#cbd3da', lw=0.7)
    pairs = zip(series.keyframes, series.keyframes[1:], strict=False)
    for number, (begin, end) in enumerate(pairs, start=1):
        if end - begin > 0.012 * series.duration:
            axes.text((begin + end) / 2, 1.05, str(number), size=7.5, color=GREY, ha='center')


def _proposals(axes: Axes, series: Series) -> None:
    """A green rule along the top while success was proposed."""
    held = np.where(series.candidate, 1.02, np.nan)
    axes.plot(series.time, held, color=GAIN, lw=3, solid_capstyle='butt')
    if series.candidate.any():
        first = series.time[series.candidate.argmax()]
        note: dict[str, Any] = {'size': 8, 'color': GAIN, 'ha': 'right', 'va': 'center'}
        axes.text(first - 0.004 * series.duration, 1.02, 'success proposed', **note)


def _label_ends(
    axes: Axes, labels: list[tuple[float, str, str, str]], duration: float, room: float = 0.062
) -> None:
    """Name every curve at its right end, pushed apart where ends lie close."""
    known = sorted((label for label in labels if np.isfinite(label[0])), key=lambda e: e[0])
    heights: list[float] = []
    for value, *_ in known:
        heights.append(value if not heights else max(value, heights[-1] + room))
    excess = max(0.0, heights[-1] - 1.04) if heights else 0.0
    for i in reversed(range(len(heights))):
        top = heights[i + 1] - room if i + 1 < len(heights) else heights[i] - excess
        heights[i] = min(heights[i], top)
    for (_, name, colour, weight), y in zip(known, heights, strict=True):
        axes.annotate(
            name, (duration, y), (7, 0), textcoords='offset points', color=colour, size=9.5,
            weight=weight, va='center', annotation_clip=False,
        )  # fmt: skip


def _confidence(axes: Axes, series: Series) -> None:
    axes.set_ylim(0, 1.05)
    axes.set_yticks([])
    axes.axhspan(0, 1, color='#f3f6f8', lw=0)
    axes.fill_between(series.time, series.read['confidence'], color='#9db4c6', lw=0, step='mid')
    none = series.time[~series.valid]
    axes.plot(none, np.full(len(none), 0.1), '|', color=LOSS, ms=7)
    _name(axes, 'confidence', series)
    if len(none):
        _name(axes, f'{len(none)} without reading', series, 0.1, LOSS)


def _hops(axes: Axes, series: Series) -> None:
    hop = np.nan_to_num(series.read['hop'])
    _bars(axes, series.time, hop, robust_limit(hop))
    _name(axes, 'hop', series)


def _rewards(axes: Axes, series: Series) -> None:
    shaping = series.paid['shaping']
    _bars(axes, series.paid_time, shaping, robust_limit(shaping))
    _name(axes, 'reward', series)
    for time, success in zip(series.paid_time, series.paid['success'], strict=True):
        if success:
            top = axes.get_ylim()[1]
            axes.plot(time, 0.72 * top, marker='*', ms=15, color=GAIN, clip_on=False, zorder=4)
            note: dict[str, Any] = {
                'size': 9,
                'color': GAIN,
                'ha': 'right',
                'va': 'center',
                'weight': 'bold',
            }
            axes.text(time - 0.012 * series.duration, 0.72 * top, f'success +{success:g}', **note)


def _bars(axes: Axes, time: np.ndarray, value: np.ndarray, limit: float) -> None:
    axes.set_ylim(-limit, limit)
    axes.set_yticks([-limit, 0, limit], [f'\u2212{limit:g}', '0', f'{limit:g}'])
    axes.axhline(0, color=FAINT, lw=0.8)
    colours = [GAIN if v >= 0 else LOSS for v in value]
    axes.vlines(time, 0, value.clip(-limit, limit), colors=colours, lw=_bar_width(len(time)))


def robust_limit(values: np.ndarray) -> float:
    """A round limit, 1, 2 or 5 of some power of ten, that shows all but outstanding values."""
    size = 1.5 * np.percentile(np.abs(values), 90) if len(values) else 0.0
    size = max(1e-3, float(size))
    power = 10.0 ** np.floor(np.log10(size))
    step = next(s for s in (1, 2, 5, 10) if s * power >= size * (1 - 1e-9))
    return float(f'{min(1.0, step * power):.3g}')


def _bar_width(count: int) -> float:
    """Width that leaves a little air between bars [pt]."""
    return float(np.clip(0.7 * 72 * WIDTH * (RIGHT - LEFT) / max(1, count), 0.6, 5.0))


def _gaps(series: Series, name: str) -> np.ndarray:
    return np.where(series.valid, series.read[name], np.nan)


def _name(axes: Axes, text: str, series: Series, y: float = 0.5, colour: str = INK) -> None:
    axes.annotate(
        text, (1, y), (7, 0), xycoords='axes fraction', textcoords='offset points', size=9.5,
        va='center', color=colour, annotation_clip=False,
    )  # fmt: skip


def _share_time(plots: Sequence[Axes], series: Series) -> None:
    for axes in plots:
        axes.set_xlim(0, series.duration)
        axes.spines['left'].set_visible(False)
        axes.spines['bottom'].set_visible(axes is plots[-1])
        axes.tick_params(labelbottom=axes is plots[-1])
    plots[-1].set_xlabel('seconds', loc='right')
