"""The bench of kills finds what is lost, said twice or out of order: each made on purpose."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from robo_dopamine_ros.types import SECOND, Mode, Outcome

MS = SECOND // 1000
BENCH = str(Path(__file__).parents[2] / 'bench')


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    monkeypatch.syspath_prepend(BENCH)
    import _cell_log
    import _step_audit

    return _cell_log, _step_audit


class Run:
    """An episode of five seconds in which the policy acts in every tick, all of it stored."""

    def __init__(self, log: Any, audit: Any) -> None:
        self.audit = audit
        self.ticks = [log.Tick(n * 20 * MS, Mode.POLICY, False, '') for n in range(250)]
        self.spoken = [n * 100 * MS for n in range(50)]
        self.rollouts = [log.Rollout('a', 0, 5 * SECOND, Outcome.SUCCESS, 'grm')]
        self.steps = [
            audit.StoredStep(1, n, 'a', n, n + 1, n * 100 * MS, (n + 1) * 100 * MS)
            for n in range(50)
        ]

    @property
    def gaps(self) -> list[Any]:
        return list(self.audit.gaps(self.ticks, self.rollouts, self.steps, self.spoken))

    def absent(self, latency: int = 0) -> int:
        return sum(gap.absent(latency) for gap in self.gaps)

    def unseen(self) -> float:
        return sum(gap.unseen for gap in self.gaps)

    def blind(self) -> float:
        return sum(gap.blind for gap in self.gaps)


@pytest.fixture
def whole(modules: tuple[Any, Any]) -> Run:
    return Run(*modules)


def test_of_a_whole_store_nothing_is_said(whole: Run) -> None:
    assert not whole.gaps
    assert whole.audit.doubled(whole.steps) == 0
    assert whole.audit.discontinuous(whole.steps) == 0


@pytest.mark.parametrize('missing', [1, 2, 7])
def test_what_a_policy_that_lived_does_not_tell_of_is_seen(whole: Run, missing: int) -> None:
    del whole.steps[20 : 20 + missing]
    assert whole.blind() == pytest.approx(0.1 * missing, abs=0.041)
    assert (whole.absent(), whole.unseen()) == (0, 0.0)
    assert whole.audit.discontinuous(whole.steps) == 1, 'a hole in the numbers'


def test_what_nobody_lived_to_see_is_not_a_step(whole: Run) -> None:
    del whole.steps[20:], whole.ticks[113:]  # killed at 2.0 s, the gate followed for 0.26 s
    whole.spoken = [stamp for stamp in whole.spoken if stamp <= 1900 * MS]
    assert whole.absent() == 0
    assert whole.unseen() == pytest.approx(0.24, abs=0.03)


def test_a_step_that_was_complete_when_the_actor_died_is(whole: Run) -> None:
    del whole.steps[18:], whole.ticks[113:]
    whole.spoken = [stamp for stamp in whole.spoken if stamp <= 2000 * MS]
    assert whole.absent() == 1
    assert whole.absent(latency=100 * MS) == 0, 'its last frame was not seen yet'


def test_only_stretches_in_which_somebody_acted_count(whole: Run) -> None:
    still = [tick._replace(mode=Mode.HOLD) for tick in whole.ticks]
    whole.ticks = [*still[:100], *whole.ticks[100:125], *still[125:]]
    whole.steps = whole.steps[:20]
    assert whole.blind() == pytest.approx(0.5, abs=0.041)


def test_twice_and_out_of_order(whole: Run) -> None:
    again = whole.steps[10]._replace(epoch=2, sequence=0)
    assert whole.audit.doubled([*whole.steps, again]) == 1
    assert whole.audit.doubled([*whole.steps, whole.steps[10]]) >= 1
    torn = [*whole.steps[:10], whole.steps[10]._replace(first=99), *whole.steps[11:]]
    assert whole.audit.discontinuous(torn) == 1


def test_only_steps_that_never_arrived_are_lost(whole: Run, modules: tuple[Any, Any]) -> None:
    log = modules[0]
    told = [log.SentStep(0, 1, n, 'a', 0, 1, Mode.POLICY) for n in (3, 49, 50, 50)]
    assert [one.sequence for one in whole.audit.lost(told, whole.steps)] == [50]
