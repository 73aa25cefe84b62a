"""Episodes that never happened: the task done with one object left where it lay.

A single demonstration never shows "late, but one thing still undone", so a model taught by it
alone may read the clock off the arms. Where a fixed camera sees patches that change once and for
good (an object leaves, another arrives), the patch can be put back as it was at the start, and
the progress made by that change taken off the label.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

LEAST_CHANGE = 24  # grey levels by which start and end must differ in a patch
LEAST_AREA = 0.0012  # of the picture
STEADY = 0.55  # share of frames in which a patch looks like the start or like the end
FIXED = 0.5  # share of the picture that must stay still for a camera to count as fixed


@dataclass(frozen=True)
class Patch:
    """Something that changed once and for good."""

    mask: Tensor  # (h, w) 0..1, soft at the rim
    frame: int  # last frame that looks like the start
    worth: float  # progress made by the change


def find_patches(pictures: Tensor, progress: np.ndarray) -> tuple[Patch, ...]:
    """Patches of one camera, pictures (T, 3, h, w) uint8; none where the camera moves."""
    frames = pictures.permute(0, 2, 3, 1).numpy()
    stride = max(1, len(frames) // 400)
    sampled = frames[::stride].astype(np.int16)
    start, end = (np.median(part, 0).astype(np.int16) for part in (sampled[:3], sampled[-3:]))
    still = np.median(np.abs(sampled[:: max(1, len(sampled) // 40)] - start), 0).max(-1)
    if (still < LEAST_CHANGE).mean() < FIXED:
        return ()
    changed = cv2.GaussianBlur(np.abs(end - start).max(-1).astype(np.float32), (0, 0), 1.0)
    changed = (changed > LEAST_CHANGE).astype(np.uint8)
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(changed)
    found = []
    for number in range(1, count):
        if stats[number, cv2.CC_STAT_AREA] < LEAST_AREA * changed.size:
            continue
        last = _last_at_start(sampled, start, end, numbers == number)
        if last is not None:
            grown = cv2.dilate((numbers == number).astype(np.float32), np.ones((5, 5)))
            found.append((last * stride, cv2.GaussianBlur(grown, (0, 0), 1.0)))
    return _worth(sorted(found, key=lambda item: item[0]), progress)


def _last_at_start(
    sampled: np.ndarray, start: np.ndarray, end: np.ndarray, inside: np.ndarray
) -> int | None:
    """Last sampled frame whose patch looks like the start; None when it does not change once."""
    here = sampled[:, inside]
    from_start = np.abs(here - start[inside]).mean((1, 2))
    from_end = np.abs(here - end[inside]).mean((1, 2))
    whole = np.abs(end - start)[inside].mean()
    steady = np.minimum(from_start, from_end) < 0.4 * whole
    looks_like_start = np.flatnonzero((from_start < from_end) & steady)
    if steady.mean() < STEADY or not len(looks_like_start):
        return None
    last = int(looks_like_start[-1])
    return last if 0.02 < last / len(sampled) < 0.97 else None


def _worth(found: list[tuple[int, np.ndarray]], progress: np.ndarray) -> tuple[Patch, ...]:
    """Share out the progress between one change and the next, none more than twice its due."""
    patches, before = [], 0.0
    for frame, mask in found:
        now = float(progress[frame])
        worth = min(max(0.0, now - before), 2 / len(found))
        patches.append(Patch(torch.from_numpy(mask), frame, worth))
        before = max(before, now)
    return tuple(patches)


def draw(patches: tuple[Patch, ...], rng: np.random.Generator) -> tuple[Patch, ...]:
    """Choose what one pseudo-episode leaves out: at least one patch, seldom many."""
    if not patches:
        return ()
    chosen = rng.random(len(patches)) < 0.2
    chosen[rng.integers(len(patches))] = True
    return tuple(patch for patch, left in zip(patches, chosen, strict=True) if left)


def put_back(raw: Tensor, start: Tensor, chosen: np.ndarray, left_out: tuple[Patch, ...]) -> Tensor:
    """Pictures (N, 3, h, w) of frames `chosen` (N,) with patches of the start (3, h, w), 0..1."""
    for patch in left_out:
        undone = torch.from_numpy(_undone(chosen, patch)).float()[:, None, None, None]
        raw = raw + (start - raw) * patch.mask * undone
    return raw


def missed(chosen: np.ndarray, left_out: tuple[Patch, ...]) -> np.ndarray:
    """Progress (N,) to take off the labels of frames `chosen` (N,)."""
    return sum((patch.worth * _undone(chosen, patch) for patch in left_out), np.zeros(len(chosen)))


def _undone(chosen: np.ndarray, patch: Patch) -> np.ndarray:
    """Whether a patch is put back in each picture (N,): in every other one, once it changed."""
    return (chosen > patch.frame) & (np.arange(len(chosen)) % 2 == 1)
