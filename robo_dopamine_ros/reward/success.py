"""Debounced proposals of success (`success_candidate`) from the progress of an episode."""

from dataclasses import dataclass

from robo_dopamine_ros.types import SECOND, Progress


@dataclass(frozen=True)
class SuccessParameters:
    """Thresholds of the success proposal."""

    delta: float = 0.05  # proposed from progress 1 - delta on (paper: 0.05), 0..1
    release: float = 0.05  # further fall of progress that withdraws it, 0..1
    readings: int = 3  # consecutive readings it takes, 1 or more
    hold: float = 0.2  # time they must span [s], 0 or more
    confidence: float = 0.5  # least confidence of a reading that counts, 0..1

    def __post_init__(self) -> None:
        for name in ('delta', 'release', 'confidence'):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f'{name} = {value}; it must be within 0..1')
        if not self.readings >= 1:
            raise ValueError(f'readings = {self.readings}; it must be 1 or more')
        if not self.hold >= 0.0:
            raise ValueError(f'hold = {self.hold} s; it must be 0 or more')

    @property
    def threshold(self) -> float:
        """Progress from which a reading counts towards success."""
        return 1.0 - self.delta


@dataclass(frozen=True)
class SuccessState:
    """State of the debouncing."""

    candidate: bool = False
    readings: int = 0  # consecutive readings at or above the threshold
    since: int = 0  # stamp of the first of them [ns]


def debounce(state: SuccessState, reading: Progress, parameters: SuccessParameters) -> SuccessState:
    """Update the state with one reading; an unbroken run of confident readings proposes success.

    A proposal survives small dips, down to threshold - release. A reading that is not valid or not
    confident withdraws the proposal and resets the count.
    """
    trusted = reading.valid and reading.confidence >= parameters.confidence
    if state.candidate:
        stays = trusted and reading.progress >= parameters.threshold - parameters.release
        return state if stays else SuccessState()
    if not (trusted and reading.progress >= parameters.threshold):
        return SuccessState()
    readings = state.readings + 1
    since = state.since if state.readings else reading.stamp
    held = (reading.stamp - since) / SECOND
    reached = readings >= parameters.readings and held >= parameters.hold
    return SuccessState(reached, readings, since)
