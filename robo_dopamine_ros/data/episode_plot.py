"""Plot of an episode: film strip, progress with the truth, confidence, hops, reward."""

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

from robo_dopamine_ros.data.episode_curves import EpisodeCurves
from robo_dopamine_ros.data.filmstrip import FilmstripFrame, compose, nearest_frames, slot_centers

TEXT_COLOR, LABEL_COLOR, GRID_COLOR = '#22303c', '#7d8b99', '#e3e8ed'
PROGRESS_COLOR, TRUTH_COLOR = '#0b6aa8', '#22303c'
PERSPECTIVE_COLORS = {'incremental': '#d9902f', 'forward': '#4e9a6b', 'backward': '#9b6aa6'}
GAIN_COLOR, LOSS_COLOR = '#4e9a6b', '#c8553d'
LEFT, RIGHT = 0.06, 0.905  # ends of the time axis, as shares of the figure's width
WIDTH, DPI = 14.0, 140  # [in], [1/in]
GAPS = (0.2, 0.05, 0.3, 0.2, 0.22, 0.28, 0.55)  # above each row and below the last [in]
COLUMNS = 12  # images along the film strip
STYLE: dict[Any, Any] = {
    'font.size': 10,
    'text.color': TEXT_COLOR,
    'axes.edgecolor': GRID_COLOR,
    'axes.labelcolor': LABEL_COLOR,
    'axes.linewidth': 0.8,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.axisbelow': True,
    'xtick.color': LABEL_COLOR,
    'ytick.color': LABEL_COLOR,
    'xtick.major.size': 0,
    'ytick.major.size': 0,
}


def draw_page(
    curves: EpisodeCurves,
    frames: Sequence[FilmstripFrame],
    views: Sequence[str],
    metrics: Mapping[str, str],
) -> np.ndarray:
    """Draw an episode, (H, W, 3) uint8 RGB; `metrics` are shown in large type, label -> text."""
    cell = _cell(frames, views)
    heights = (0.8, cell[1] * len(views), 3.4, 0.4, 0.65, 0.95)
    with plt.rc_context(STYLE):
        figure, (header, film, *plots) = _page(heights)
        _header(header, curves, metrics)
        _draw_filmstrip(film, curves, frames, views, cell)
        for plot, fill in zip(plots, (_progress, _confidence, _hops, _rewards), strict=True):
            fill(plot, curves)
        _share_time(plots, curves)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        drawn = np.array(canvas.buffer_rgba())[..., :3]
        plt.close(figure)
    return drawn


def write_pages(pages: Sequence[np.ndarray], path: Path) -> None:
    """Write pages of equal width below one another as one PNG file."""
    plt.imsave(path, np.concatenate(pages))


def _page(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Figure with axes of the given heights [in] below one another."""
    tall = sum(heights) + sum(GAPS)
    figure = plt.figure(figsize=(WIDTH, tall), dpi=DPI, facecolor='white')
    top, axes = tall, []
    for height, gap in zip(heights, GAPS, strict=False):
        top -= gap + height
        axes.append(figure.add_axes((LEFT, top / tall, RIGHT - LEFT, height / tall)))
    return figure, axes


def _cell(frames: Sequence[FilmstripFrame], views: Sequence[str]) -> tuple[float, float]:
    """Width and height of one image of the film strip [in]; extreme aspect ratios are cropped."""
    width = WIDTH * (RIGHT - LEFT) / COLUMNS
    shapes = [
        frame.images[view].shape for frame in frames for view in views if view in frame.images
    ]
    ratio = shapes[0][1] / shapes[0][0] if shapes else 4 / 3
    return width, width / min(1.8, max(1.2, ratio))


def _header(axes: Axes, curves: EpisodeCurves, metrics: Mapping[str, str]) -> None:
    axes.axis('off')
    text = partial(axes.text, transform=axes.transAxes, va='baseline')
    text(0, 0.62, curves.title, size=19, weight='bold')
    task = f'\u201c{curves.instruction}\u201d' if curves.instruction else 'no instruction'
    details = [task, f'model {curves.model}', f'{curves.duration:.1f} s', curves.outcome]
    line = '   ·   '.join(detail for detail in details if detail)
    text(0, 0.18, line, size=10.5, color=LABEL_COLOR)
    for i, (label, value) in enumerate(reversed(list(metrics.items()))):
        x = 1 - 0.092 * i
        text(x, 0.62, value, size=16, ha='right')
        text(x, 0.24, label, size=8.5, color=LABEL_COLOR, ha='right')


def _draw_filmstrip(
    axes: Axes,
    curves: EpisodeCurves,
    frames: Sequence[FilmstripFrame],
    views: Sequence[str],
    cell: tuple[float, float],
) -> None:
    axes.axis('off')
    if not frames:
        return
    columns = nearest_frames(frames, slot_centers(curves.duration, COLUMNS))
    size = (round(cell[0] * DPI), round(cell[1] * DPI))
    image = compose(columns, views, size, gap=3)
    axes.imshow(image, aspect='auto', extent=(0, 1, 0, 1), interpolation='none')
    for row, view in enumerate(views):
        y = 1 - (row + 0.5) / len(views)
        name = view.replace('_', ' ')
        axes.text(-0.012, y, name, rotation=90, ha='center', va='center', size=9, color=LABEL_COLOR)


def _progress(axes: Axes, curves: EpisodeCurves) -> None:
    axes.set_ylim(-0.03, 1.09)
    axes.set_yticks(np.linspace(0, 1, 5), ['0', '25', '50', '75', '100 %'])
    axes.grid(axis='y', color=GRID_COLOR, lw=0.8)
    _keyframes(axes, curves)
    for name, spans in curves.spans.items():
        for begin, end in spans:
            axes.axvspan(begin, end, color=LOSS_COLOR, alpha=0.07, lw=0)
            axes.text((begin + end) / 2, 0.01, name, size=8, color=LOSS_COLOR, ha='center')
    perspectives = {
        n: c for n, c in PERSPECTIVE_COLORS.items() if np.isfinite(curves.readings[n]).any()
    }
    if perspectives:
        stack = np.stack([curves.readings[name] for name in perspectives])
        low, high = np.fmin.reduce(stack), np.fmax.reduce(stack)  # where one is NaN, the others
        axes.fill_between(curves.time, low, high, color=PROGRESS_COLOR, alpha=0.08, lw=0)
    labels = []
    for name, colour in perspectives.items():
        axes.plot(curves.time, curves.readings[name], color=colour, lw=1.1, alpha=0.9)
        labels.append((float(curves.readings[name][-1]), name, colour, 'normal'))
    if curves.truth is not None:
        axes.plot(
            curves.truth.time, curves.truth.value, color=TRUTH_COLOR, lw=1.4, ls=(0, (4, 2.5))
        )
        labels.append((float(curves.truth.value[-1]), curves.truth_name, TRUTH_COLOR, 'normal'))
    axes.plot(curves.time, _with_gaps(curves, 'progress'), color=PROGRESS_COLOR, lw=2.6)
    if len(curves.time):
        labels.append((float(curves.readings['progress'][-1]), 'progress', PROGRESS_COLOR, 'bold'))
    _success_candidates(axes, curves)
    _label_ends(axes, labels, curves.duration)


def _keyframes(axes: Axes, curves: EpisodeCurves) -> None:
    """Draw a line at every keyframe and, where there is room, the number of each sub-task."""
    axes.vlines(curves.keyframes, -0.03, 1.03, color='#cbd3da', lw=0.7)
    pairs = zip(curves.keyframes, curves.keyframes[1:], strict=False)
    for number, (begin, end) in enumerate(pairs, start=1):
        if end - begin > 0.012 * curves.duration:
            axes.text(
                (begin + end) / 2, 1.05, str(number), size=7.5, color=LABEL_COLOR, ha='center'
            )


def _success_candidates(axes: Axes, curves: EpisodeCurves) -> None:
    """Draw a line along the top while success is proposed."""
    height = np.where(curves.success_candidate, 1.02, np.nan)
    axes.plot(curves.time, height, color=GAIN_COLOR, lw=3, solid_capstyle='butt')
    if curves.success_candidate.any():
        first = curves.time[curves.success_candidate.argmax()]
        axes.text(
            first - 0.004 * curves.duration, 1.02, 'success proposed', size=8, color=GAIN_COLOR,
            ha='right', va='center',
        )  # fmt: skip


def _label_ends(
    axes: Axes, labels: list[tuple[float, str, str, str]], duration: float, room: float = 0.062
) -> None:
    """Label every curve at its right end; labels that would overlap are pushed apart."""
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


def _confidence(axes: Axes, curves: EpisodeCurves) -> None:
    axes.set_ylim(0, 1.05)
    axes.set_yticks([])
    axes.axhspan(0, 1, color='#f3f6f8', lw=0)
    axes.fill_between(curves.time, curves.readings['confidence'], color='#9db4c6', lw=0, step='mid')
    invalid = curves.time[~curves.valid]
    axes.plot(invalid, np.full(len(invalid), 0.1), '|', color=LOSS_COLOR, ms=7)
    _label_row(axes, 'confidence', curves)
    if len(invalid):
        _label_row(axes, f'{len(invalid)} without reading', curves, 0.1, LOSS_COLOR)


def _hops(axes: Axes, curves: EpisodeCurves) -> None:
    hop = np.nan_to_num(curves.readings['hop'])
    _bars(axes, curves.time, hop, robust_limit(hop))
    _label_row(axes, 'hop', curves)


def _rewards(axes: Axes, curves: EpisodeCurves) -> None:
    shaping = curves.rewards['shaping']
    _bars(axes, curves.reward_time, shaping, robust_limit(shaping))
    _label_row(axes, 'reward', curves)
    for time, success in zip(curves.reward_time, curves.rewards['success'], strict=True):
        if success:
            top = axes.get_ylim()[1]
            axes.plot(
                time, 0.72 * top, marker='*', ms=15, color=GAIN_COLOR, clip_on=False, zorder=4
            )
            axes.text(
                time - 0.012 * curves.duration, 0.72 * top, f'success +{success:g}', size=9,
                color=GAIN_COLOR, ha='right', va='center', weight='bold',
            )  # fmt: skip


def _bars(axes: Axes, time: np.ndarray, value: np.ndarray, limit: float) -> None:
    axes.set_ylim(-limit, limit)
    axes.set_yticks([-limit, 0, limit], [f'\u2212{limit:g}', '0', f'{limit:g}'])
    axes.axhline(0, color=GRID_COLOR, lw=0.8)
    colours = [GAIN_COLOR if v >= 0 else LOSS_COLOR for v in value]
    axes.vlines(time, 0, value.clip(-limit, limit), colors=colours, lw=_bar_width(len(time)))


def robust_limit(values: np.ndarray) -> float:
    """Axis limit, 1, 2 or 5 times a power of ten, that shows all but outliers."""
    size = 1.5 * np.percentile(np.abs(values), 90) if len(values) else 0.0
    size = max(1e-3, float(size))
    power = 10.0 ** np.floor(np.log10(size))
    step = next(s for s in (1, 2, 5, 10) if s * power >= size * (1 - 1e-9))
    return float(f'{min(1.0, step * power):.3g}')


def _bar_width(count: int) -> float:
    """Line width that leaves a gap between bars [pt]."""
    return float(np.clip(0.7 * 72 * WIDTH * (RIGHT - LEFT) / max(1, count), 0.6, 5.0))


def _with_gaps(curves: EpisodeCurves, name: str) -> np.ndarray:
    return np.where(curves.valid, curves.readings[name], np.nan)


def _label_row(
    axes: Axes, text: str, curves: EpisodeCurves, y: float = 0.5, colour: str = TEXT_COLOR
) -> None:
    axes.annotate(
        text, (1, y), (7, 0), xycoords='axes fraction', textcoords='offset points', size=9.5,
        va='center', color=colour, annotation_clip=False,
    )  # fmt: skip


def _share_time(plots: Sequence[Axes], curves: EpisodeCurves) -> None:
    for axes in plots:
        axes.set_xlim(0, curves.duration)
        axes.spines['left'].set_visible(False)
        axes.spines['bottom'].set_visible(axes is plots[-1])
        axes.tick_params(labelbottom=axes is plots[-1])
    plots[-1].set_xlabel('seconds', loc='right')
