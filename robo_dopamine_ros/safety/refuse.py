"""Which wishes are refused, and why; a clamp is no check, for it lets NaN through."""

import numpy as np

from robo_dopamine_ros.types import SECOND, Action


def malformed(wish: Action) -> str:
    """Say what is wrong with the wish itself, nothing if all is well."""
    if wish.joints is not None:
        return f'{len(wish.joints)} joint targets; only twists are followed'
    twist = np.asarray(wish.twist)
    if twist.shape != (6,):
        return f'a twist of shape {twist.shape}; it must be (6,)'
    if not np.isfinite(twist).all():
        return f'twist {twist.tolist()} is not finite'
    if not 0.0 <= wish.gripper <= 1.0:
        return f'gripper {wish.gripper}; it must lie in 0..1'
    return ''


def misplaced(frame: str, base: str) -> str:
    """Say why a wish in this frame cannot be followed."""
    return '' if frame == base else f'its frame is {frame!r}; it must be {base!r}'


def mistimed(stamp: int, before: int, now: int, oldest: float, future: float) -> str:
    """Say why a wish stamped so cannot be followed; all three are ROS time [ns].

    `before` is the stamp of the wish that came before; it counts for nothing when it lies in the
    future itself, for then the clock was set back.
    """
    age = (now - stamp) / SECOND
    if age > oldest:
        return f'it is {age:.2f} s old; at most {oldest:.2f} s is allowed'
    if -age > future:
        return f'it is stamped {-age:.2f} s in the future; at most {future:.2f} s is allowed'
    if stamp < before <= now + future * SECOND:
        return f'it is {(before - stamp) / SECOND:.3f} s older than the one before'
    return ''
