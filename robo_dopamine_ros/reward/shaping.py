"""Policy-invariant reward from progress (arXiv 2512.23703, Eq 13 to 17). No clock, no ROS.

Three rules make it invariant on finite episodes too: the discount follows the duration of the step;
the potential of a terminal state is 0, after success and failure alike; a truncated episode keeps
its potential, and the learner bootstraps. Potentials are the published readings, never recomputed.
"""

from dataclasses import dataclass, replace

from robo_dopamine_ros.types import SECOND, Outcome, Progress, Reward

TERMINAL_POTENTIAL = 0.0


@dataclass(frozen=True)
class RewardParameters:
    """Discount and success reward."""

    gamma: float = (
        0.98  # discount per period (paper: 0.98 real, 0.99 simulated), above 0, at most 1
    )
    period: float = 0.1  # duration that gamma refers to [s], above 0
    success: float = 1.0  # reward of a successful episode, 0 or more

    def __post_init__(self) -> None:
        if not 0.0 < self.gamma <= 1.0:
            raise ValueError(f'gamma = {self.gamma}; it must be above 0 and at most 1')
        if not self.period > 0.0:
            raise ValueError(f'period = {self.period} s; it must be above 0')
        if not self.success >= 0.0:
            raise ValueError(f'success = {self.success}; it must be 0 or more')


def discount(dt: float, parameters: RewardParameters) -> float:
    """Discount of a step of `dt` seconds, gamma^(dt / period), independent of the step rate."""
    if not dt >= 0.0:
        raise ValueError(f'dt = {dt} s; a step cannot take negative time')
    return float(parameters.gamma ** (dt / parameters.period))


def shaping(previous_potential: float, potential: float, discount: float) -> float:
    """Eq 13: F = discount * Phi(s') - Phi(s)."""
    return discount * potential - previous_potential


def step_reward(
    previous_stamp: int,
    stamp: int,
    previous_potential: float,
    potential: float,
    parameters: RewardParameters,
    outcome: Outcome = Outcome.NONE,
) -> Reward:
    """Eq 14 to 17: the reward of one step; `outcome` other than NONE ends the episode in it.

    Stamps in ns. A terminal outcome replaces `potential` by 0; only success gives a success reward.
    """
    if outcome.terminal:
        potential = TERMINAL_POTENTIAL
    factor = discount((stamp - previous_stamp) / SECOND, parameters)
    paid = parameters.success if outcome is Outcome.SUCCESS else 0.0
    shaped = shaping(previous_potential, potential, factor)
    return Reward(
        stamp=stamp,
        previous_stamp=previous_stamp,
        reward=paid + shaped,
        success=paid,
        shaping=shaped,
        potential=potential,
        previous_potential=previous_potential,
        discount=factor,
        terminated=outcome.terminal,
        truncated=outcome not in (Outcome.NONE, Outcome.SUCCESS, Outcome.FAILURE),
    )


class RewardShaper:
    """Rewards of one episode from its readings; discounted shaping telescopes exactly.

    Readings that are not valid, not newer or of another episode give no reward: the step to the
    next valid one spans the gap with its true duration. Over an episode the shaping then sums to
    discount * Phi(last) - Phi(first), and to -Phi(first) when it terminates.
    """

    def __init__(self, parameters: RewardParameters | None = None) -> None:
        self.parameters = parameters or RewardParameters()
        self.reset()

    def reset(self, episode: str = '') -> None:
        """Start an episode."""
        self._episode = episode
        self._last: Progress | None = None
        self._running = True

    def update(self, reading: Progress) -> Reward | None:
        """The reward of the step that this reading ends; None when it ends none."""
        if not (self._running and reading.valid and reading.episode == self._episode):
            return None
        last = self._last
        if last is not None and not reading.stamp > last.stamp:
            return None
        self._last = reading
        if last is None:
            return None
        reward = step_reward(
            last.stamp, reading.stamp, last.progress, reading.progress, self.parameters
        )
        return replace(
            reward,
            episode=self._episode,
            step=reading.step,
            confidence=min(last.confidence, reading.confidence),
        )

    def end(self, outcome: Outcome, stamp: int) -> Reward | None:
        """End the episode at `stamp` [ns] and return its last reward; None if it had ended before.

        The last step runs from the last valid reading to `stamp`; its duration is 0 when `stamp` is
        older. Success is rewarded even without any reading. Raises ValueError for outcome NONE.
        """
        if outcome is Outcome.NONE:
            raise ValueError('outcome = NONE; an episode ends with a named outcome')
        if not self._running:
            return None
        self._running = False
        last = self._last or Progress(stamp=stamp, episode=self._episode)
        reward = step_reward(
            last.stamp,
            max(stamp, last.stamp),
            last.progress,
            last.progress,
            self.parameters,
            outcome,
        )
        return replace(
            reward, episode=self._episode, step=last.step + 1, confidence=last.confidence
        )
