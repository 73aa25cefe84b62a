"""Whether an adapted model is usable, by its metrics on held-out frames, and what to do if not.

Pure, and without torch.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robo_dopamine_ros.grm.compact.validation import ValidationMetrics

MIN_HOP_SIGN = 0.9  # share of two-second hops with the right sign; the reward points along them
MIN_CORRELATION = 0.95  # rank correlation of progress with time
MAX_ALARMS = 0.05  # share of frames taken for unfamiliar, which pay no reward
MIN_FRAMES = 10  # held-out frames; with fewer, a correlation says nothing


@dataclass(frozen=True)
class AdaptationResult:
    """Metrics of an adaptation, and how much of the training was done."""

    check: 'ValidationMetrics'
    steps: int  # gradient steps that were done
    planned_steps: int  # that the settings ask for
    seconds: float  # limit of the training [s]

    @property
    def weaknesses(self) -> list[str]:
        """What is below what is usable, with its value and the bound; empty if nothing is."""
        check = self.check
        found = []
        if check.hop_sign < MIN_HOP_SIGN:
            found.append(
                f'{check.hop_sign:.0%} of the hops right, at least {MIN_HOP_SIGN:.0%} needed'
            )
        if check.frames >= MIN_FRAMES and not check.voc >= MIN_CORRELATION:  # NaN: no order at all
            order = 'none' if math.isnan(check.voc) else f'{check.voc:.3f}'
            found.append(f'rank correlation {order}, at least {MIN_CORRELATION} needed')
        if check.alarms > MAX_ALARMS:
            found.append(f'{check.alarms:.0%} false alarms, at most {MAX_ALARMS:.0%} usable')
        return found

    @property
    def verdict(self) -> str:
        """Whether the model is usable, in words, with what to do if it is not."""
        if weak := self.weaknesses:
            return f'not usable: {"; ".join(weak)}. {self._advice()}'
        if self.check.frames < MIN_FRAMES or math.isnan(self.check.hop_sign):
            return (
                f'not judged: {self.check.frames} held-back frames are too few; '
                'try it on an episode it never saw: robo-dopamine evaluate MODEL EPISODE'
            )
        return 'usable by its own demonstration; robo-dopamine evaluate tries it on another episode'

    def to_json(self) -> dict[str, Any]:
        """Return all of it, for programs and the model's card."""
        check = {k: None if math.isnan(v) else v for k, v in asdict(self.check).items()}
        done = {'steps': self.steps, 'planned_steps': self.planned_steps}
        return {**check, **done, 'usable': not self.weaknesses, 'verdict': self.verdict}

    def _advice(self) -> str:
        """What to do about a weak model, most likely cause first."""
        advice: Sequence[str] = (
            'the demonstration must show the whole task once, without a detour, its pictures in '
            'order; give several demonstrations',
            '--base MODEL starts from a model that knows the scene',
        )
        if self.steps < self.planned_steps:
            advice = (
                f'{self.steps} of {self.planned_steps} steps were done in {self.seconds:.0f} s: '
                'give more --seconds, or free the processor',
                *advice,
            )
        else:
            advice = (f'{self.steps} steps were done: give more --steps', *advice)
        return 'Try: ' + '; or '.join(advice)
