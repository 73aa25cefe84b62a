"""The curve of practice: in a line of the terminal, and as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robo_dopamine_ros.learning.trial import Told

BLOCKS = ' ▁▂▃▄▅▆▇█'
WINDOW = 20  # rollouts


def alone(told: Sequence[Told]) -> np.ndarray:
    """Whether each rollout succeeded without a person, (n,) 0 or 1."""
    return np.array([float(one.success and not one.helped) for one in told])


def rate(told: Sequence[Told]) -> float:
    """Share of the last rollouts that succeeded without a person; 0 before the first."""
    return float(alone(told[-WINDOW:]).mean()) if told else 0.0


def line(told: Sequence[Told], width: int = 24) -> str:
    """Success so far in a few characters, one for every few rollouts."""
    parts = np.array_split(alone(told), min(width, max(1, len(told))))
    return ''.join(
        BLOCKS[round(float(part.mean()) * (len(BLOCKS) - 1))] for part in parts if len(part)
    )


def draw(told: Sequence[Told], title: str, path: Path) -> None:
    """Write the picture (PNG): success over the last 20 rollouts, and where the person helped."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(
        xlabel='rollout', ylabel='success without help', title=title, ylim=(-0.03, 1.03)
    )
    numbers = np.arange(1, len(told) + 1)
    mean = [rate(told[:n]) for n in range(1, len(told) + 1)]
    axes.plot(numbers, mean, color='tab:blue', label=f'mean of {WINDOW}')
    axes.plot(numbers, alone(told), '.', color='tab:blue', alpha=0.3)
    for one, number in zip(told, numbers, strict=True):
        if one.helped:
            axes.axvspan(number - 0.5, number + 0.5, color='tab:orange', alpha=0.25, lw=0)
    axes.axhline(0.95, color='grey', lw=0.8, ls=':')
    axes.plot([], [], color='tab:orange', alpha=0.4, lw=6, label='a person stepped in')
    axes.legend(loc='lower right', frameon=False)
    figure.savefig(path, dpi=150)
