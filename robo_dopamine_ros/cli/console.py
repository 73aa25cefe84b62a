"""Terminal output through rich: a status line that is replaced, lines that stay, progress bars."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.progress_bar import ProgressBar
from rich.text import Text

from robo_dopamine_ros.types import SECOND, Progress, Reward

RATE_WINDOW = 2 * SECOND  # [ns]
STATUS_PERIOD = 0.1  # [s] between two states of the status line
BAR_WIDTH = 24  # [characters]


class StatusConsole:
    """Prints lines from any thread, above a status line that is replaced.

    The status line may have several lines. Where the stream is no terminal, one of `every` states
    of it is printed instead.
    """

    def __init__(self, stream: TextIO | None = None, every: int = 20):
        self._console = Console(file=stream or sys.stdout, highlight=False)
        self._every = every
        self._calls = 0
        self._live: Live | None = None
        self._lock = threading.Lock()

    def print(self, text: str | Text = '') -> None:
        """Print a line that stays."""
        self._console.print(
            text, markup=False, emoji=False, no_wrap=True, overflow='ignore', crop=False
        )

    @property
    def lines(self) -> int:
        """Height of the terminal; 0 where the stream is none."""
        live = self._console.is_terminal and not self._console.is_dumb_terminal
        return self._console.height if live else 0

    def status(self, text: str | Text) -> None:
        """Replace the status line."""
        with self._lock:
            self._calls += 1
            if self._console.is_terminal and not self._console.is_dumb_terminal:
                line = Text(text) if isinstance(text, str) else text
                line.no_wrap, line.overflow = True, 'ellipsis'
                if self._live is None:
                    self._live = Live(console=self._console, auto_refresh=False)
                    self._live.start()
                self._live.update(line, refresh=True)
            elif self._calls % self._every == 1:
                self.print(text)

    def end_status(self) -> None:
        """Keep the last state of the status line and continue below it."""
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None
            self._calls = 0

    def bar(self, fraction: float, style: str) -> Text:
        """Return a bar of `BAR_WIDTH` characters for a fraction, clipped to 0..1."""
        drawn = ProgressBar(
            total=1.0,
            completed=min(1.0, max(0.0, fraction)),
            width=BAR_WIDTH,
            complete_style=style,
            finished_style=style,
        )
        segments = self._console.render(drawn)
        bar = Text.assemble(*((segment.text, segment.style or '') for segment in segments))
        bar.pad_right(BAR_WIDTH - len(bar))
        return bar


def progress_line(
    console: StatusConsole, clock: str, readings: Sequence[Progress], rewards: Sequence[Reward]
) -> Text:
    """Return a line about the newest reading: progress, perspectives, confidence, reward, rate."""
    if not readings:
        return Text(f'{clock}  waiting for the first reading')
    last = readings[-1]
    bar = console.bar(last.progress, 'cyan' if last.valid else 'red')
    progress = Text.assemble(f'{clock} ', bar, f' {_percent(last.progress)} %  ')
    if not last.valid:
        return progress.append(f'no reading: {last.reason}')
    reward = f'{rewards[-1].reward:+.3f}' if rewards else '  none'
    progress.append(
        f'i {_percent(last.incremental)} f {_percent(last.forward)} b {_percent(last.backward)}  '
        f'conf {last.confidence:.2f}  reward {reward}  '
        f'{reading_rate(readings):4.1f} Hz  {1000 * last.latency:3.0f} ms',
        style='dim',
    )
    return progress.append('  success?' if last.success_candidate else '', style='green')


def reading_rate(readings: Sequence[Progress]) -> float:
    """Return the rate of valid readings over the last two seconds [Hz]."""
    newest = readings[-1].stamp
    stamps = [r.stamp for r in readings[-100:] if r.valid and r.stamp > newest - RATE_WINDOW]
    if len(stamps) < 2 or stamps[-1] == stamps[0]:
        return 0.0
    return (len(stamps) - 1) * SECOND / (stamps[-1] - stamps[0])


@contextmanager
def progress_bar() -> Iterator[Callable[[float, str], None]]:
    """Yield a callback (fraction done 0..1, what is being done) that draws a bar on stderr.

    The bar appears at the first call and is closed at 1, so that another may follow below it. Where
    stderr is no terminal, every tenth is printed as a line instead.
    """
    console = Console(stderr=True, highlight=False, markup=False)
    bars: list[RichProgress] = []
    printed = ('', -1)

    def show(done: float, doing: str) -> None:
        nonlocal printed
        if not console.is_terminal:
            if (tenth := (doing, int(10 * done))) != printed:
                printed = tenth
                console.print(f'{doing} {done:4.0%}', soft_wrap=True)
            return
        if not bars:
            text = TextColumn('{task.description} {task.percentage:3.0f}%', markup=False)
            times = TimeElapsedColumn(), TextColumn('<'), TimeRemainingColumn()
            bars.append(RichProgress(text, BarColumn(), *times, console=console))
            bars[0].add_task(doing, total=1.0)
            bars[0].start()
        bars[0].update(bars[0].task_ids[0], completed=done, description=doing)
        if done >= 1.0:
            bars.pop().stop()

    try:
        yield show
    finally:
        for bar in bars:
            bar.stop()


def print_json_progress(fraction: float, stage: str) -> None:
    """Print the same for programs: one JSON object on a line of stdout."""
    print(json.dumps({'fraction': round(fraction, 4), 'stage': stage}), flush=True)


def _percent(value: float) -> str:
    return '  -' if value != value else f'{100 * value:3.0f}'
