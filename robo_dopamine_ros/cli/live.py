"""What a person sees in the terminal while an episode runs."""

from collections.abc import Sequence

from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.types import SECOND, Progress, Reward

WINDOW = 2 * SECOND  # [ns] over which the rate is taken
PERIOD = 0.1  # [s] between two states of the line


def describe(
    screen: Screen, clock: str, readings: Sequence[Progress], rewards: Sequence[Reward]
) -> str:
    """One line about the newest reading: progress, perspectives, confidence, reward, rate."""
    if not readings:
        return f'{clock}  waiting for the first reading'
    last = readings[-1]
    bar = screen.paint(screen.bar(last.progress), 'cyan' if last.valid else 'red')
    perspectives = ' '.join(
        f'{name} {_percent(value)}'
        for name, value in (('i', last.incremental), ('f', last.forward), ('b', last.backward))
    )
    if not last.valid:
        return f'{clock} {bar} {_percent(last.progress)} %  no reading: {last.reason}'
    paid = f'{rewards[-1].reward:+.3f}' if rewards else '  none'
    facts = (
        f'{perspectives}  conf {last.confidence:.2f}  reward {paid}  '
        f'{reading_rate(readings):4.1f} Hz  {1000 * last.latency:3.0f} ms'
    )
    proposed = screen.paint('  success?', 'green') if last.success_candidate else ''
    return f'{clock} {bar} {_percent(last.progress)} %  {screen.paint(facts, "dim")}{proposed}'


def reading_rate(readings: Sequence[Progress]) -> float:
    """Valid readings a second over the last two seconds."""
    newest = readings[-1].stamp
    stamps = [r.stamp for r in readings[-100:] if r.valid and r.stamp > newest - WINDOW]
    if len(stamps) < 2 or stamps[-1] == stamps[0]:
        return 0.0
    return (len(stamps) - 1) * SECOND / (stamps[-1] - stamps[0])


def _percent(value: float) -> str:
    return '  -' if value != value else f'{100 * value:3.0f}'
