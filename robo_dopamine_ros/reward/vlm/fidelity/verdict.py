"""Whether one way of running a model may stand for another, and the figures as text and JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from robo_dopamine_ros.reward.vlm.fidelity.figures import LARGE, EpisodeFigures, HopFigures


@dataclass(frozen=True)
class Gates:
    """The most a candidate may differ from its reference."""

    mae: float  # of hops [%]
    flips: float  # share of large hops whose sign differs; and of readings that are lost
    voc_drop: float  # mean over the episodes


GATES = {  # 16 and 32 bits must pass what fp8 must
    'fp8': Gates(mae=1.0, flips=0.005, voc_drop=0.01),
    'int8': Gates(mae=2.0, flips=0.01, voc_drop=0.02),
}


@dataclass(frozen=True)
class Fidelity:
    """What a comparison found."""

    candidate: str
    reference: str
    gates: Gates
    hops: HopFigures
    perspectives: Mapping[str, HopFigures]
    episodes: Sequence[EpisodeFigures]
    noise: HopFigures | None  # the reference against itself, asked one query at a time

    @property
    def failures(self) -> tuple[str, ...]:
        """What stands against the candidate; empty: it may stand for the reference."""
        hops, gates = self.hops, self.gates
        signs, nothing = f'hops of {LARGE:.0f} % or more', 'nothing both answered'
        measured = (
            ('mean error of hops [%]', hops.mae, gates.mae, nothing),
            (f'share of other signs among {signs}', hops.large_flips, gates.flips, f'no {signs}'),
            ('share of readings lost', hops.lost, gates.flips, 'the reference read nothing'),
            ('VOC lost', self.voc_drop, gates.voc_drop, 'no episode'),
        )
        found = []
        for name, value, most, why in measured:
            if value is None:
                found.append(f'{name}: unknown ({why})')
            elif not value <= most:
                found.append(f'{name}: {value:.3g}, at most {most:.3g}')
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether the candidate may stand for the reference."""
        return not self.failures

    @property
    def free(self) -> bool:
        """Whether the candidate is no further off than the reference is from itself."""
        told = (self.hops.mae, self.noise.mae if self.noise else None)
        return None not in told and bool(told[0] <= told[1])  # type: ignore[operator]

    @property
    def voc_drop(self) -> float | None:
        """Mean over the episodes."""
        return float(np.mean([e.voc_drop for e in self.episodes])) if self.episodes else None

    def to_json(self) -> str:
        """One JSON object; what is unknown is null."""
        facts: dict[str, Any] = asdict(self)
        facts['episodes'] = [{**asdict(e), 'voc_drop': e.voc_drop} for e in self.episodes]
        facts |= {'voc_drop': self.voc_drop, 'passed': self.passed, 'failures': self.failures}
        return json.dumps(facts, allow_nan=False)

    def table(self) -> str:
        """Plain text for a person."""
        return '\n'.join(_lines(self))


ROWS = (  # title, field, and whether it is a share
    ('hop error, mean [%]', 'mae', False),
    ('hop error, 95th percentile [%]', 'p95', False),
    ('signs that differ [% of hops]', 'flips', True),
    (f'  of hops of {LARGE:.0f} % or more', 'large_flips', True),
    ('same answer [% of hops]', 'exact', True),
    ('within 5 % [% of hops]', 'near', True),
    ('readings lost [%]', 'lost', True),
    ('unread by the reference [%]', 'unread', True),
    ('divergence of answers [nats]', 'divergence', False),
    ('error of expectation [%]', 'expected_mae', False),
)


def _lines(found: Fidelity) -> list[str]:
    columns = {'all': found.hops, **found.perspectives}
    if found.noise:
        columns['noise'] = found.noise
    lines = [
        f'candidate  {found.candidate}',
        f'reference  {found.reference}',
        '',
        ' ' * 32 + ''.join(f'{name:>13}' for name in columns),
        f'{"questions":32}' + ''.join(f'{one.questions:>13}' for one in columns.values()),
    ]
    for title, name, share in ROWS:
        values = [getattr(one, name) for one in columns.values()]
        told = (_number(_percent(value) if share else value) for value in values)
        lines.append(f'{title:32}' + ''.join(f'{text:>13}' for text in told))
    for depth in found.hops.node_divergence:
        values = [one.node_divergence.get(depth) for one in columns.values()]
        title = f'  of one symbol: {depth}'
        lines.append(f'{title:32}' + ''.join(f'{_number(value):>13}' for value in values))
    lines += ['', f'{"episode":32}{"VOC":>13}{"reference":>13}{"end off":>13}{"reward r":>13}']
    for one in found.episodes:
        played = (one.voc, one.voc_reference, one.final_error, one.reward_correlation)
        cells = ''.join(f'{_number(value):>13}' for value in played)
        lines.append(f'{one.name[:31]:32}{cells}')
    return [*lines, '', *_judgement(found)]


def _judgement(found: Fidelity) -> list[str]:
    if found.failures:
        return ['NOT the same:', *(f'  {failure}' for failure in found.failures)]
    free = '; no further off than the reference is from itself' if found.free else ''
    return [f'the same within the gates{free}']


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.4g}'
