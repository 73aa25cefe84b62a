"""The compact GRM at run time: image preprocessing, the default engine, and hops from states.

The network is split in two graphs: the first encodes a set of views to a state, the second compares
states. The states of start, goal and previous views are kept, so a step costs one encoding and one
batched comparison. Torch is not needed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from robo_dopamine_ros.grm.compact.model_card import ModelCard
from robo_dopamine_ros.grm.hops import hop_from_change
from robo_dopamine_ros.types import Hops, TaskContext, Views

ENGINES = ('auto', 'onnx', 'torch', 'tensorrt')
ENCODE_GRAPH, COMPARE_GRAPH = 'see.onnx', 'compare.onnx'  # files in a model folder


def resize_image(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB to (3, height, width) float32 in 0..1 by area averaging."""
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return small.transpose(2, 0, 1).astype(np.float32) / 255


def stack_views(
    views: Views, names: Sequence[str], width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images (V, 3, height, width) and mask (V,); a missing view is black and its mask is 0."""
    images = np.zeros((len(names), 3, height, width), np.float32)
    present = np.zeros(len(names), np.float32)
    for index, name in enumerate(names):
        image = views.images.get(name)
        if image is not None:
            images[index], present[index] = resize_image(image, width, height), 1.0
    return images, present


def pixel_noise(image: np.ndarray) -> float:
    """Estimated noise of an image (H, W, 3) uint8, as a share of full scale.

    Mean absolute mixed difference of neighbouring pixels on a sparse grid, scaled so that Gaussian
    noise of standard deviation s gives s (after Immerkaer 1996). It is measured at the size of the
    camera image, because downscaling averages such noise away.
    """
    rows = image[::8, :, 1].astype(np.int16)
    below = image[1::8, :, 1].astype(np.int16)[: len(rows)]
    across = np.diff(rows[: len(below)], axis=1) - np.diff(below, axis=1)
    return float(np.abs(across).mean()) * 0.6267 / 255


def max_pixel_noise(images: Mapping[str, np.ndarray], names: Sequence[str]) -> float:
    """The largest pixel noise among the named views; 0 without any."""
    return max((pixel_noise(images[name]) for name in names if name in images), default=0.0)


class EncodedViews(NamedTuple):
    """Output of the encoder for one set of views."""

    state: np.ndarray  # (1, S) float32
    progress: float  # 0..1, clamped
    familiarity: float  # 0..1
    features: np.ndarray = np.empty(0, np.float32)  # (F,) for policies; empty for older models


class CompactEngine(Protocol):
    """Runs the two graphs of the network. All engines agree up to rounding."""

    def encode(self, images: np.ndarray, present: np.ndarray) -> EncodedViews:
        """Encode images (V, 3, H, W) float32 in 0..1 with mask `present` (V,) in {0, 1}."""

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Change of progress (N,) from states (N, S) to one state (1, S)."""


class CompactOnnxEngine:
    """Runs the exported graphs on the CPU in ONNX Runtime with a fixed number of threads."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        self._encode, self._compare = (
            onnxruntime.InferenceSession(
                str(folder / name), options, providers=['CPUExecutionProvider']
            )
            for name in (ENCODE_GRAPH, COMPARE_GRAPH)
        )

    def encode(self, images: np.ndarray, present: np.ndarray) -> EncodedViews:
        """As `CompactEngine.encode`."""
        feed = {'pictures': images[None], 'present': present[None]}
        state, progress, familiarity, *features = self._encode.run(None, feed)
        return EncodedViews(
            state, float(progress[0]), float(familiarity[0]), *(f[0] for f in features)
        )

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """As `CompactEngine.compare`."""
        return self._compare.run(None, {'before': before, 'after': after})[0]


class CompactGRM:
    """A GRM (grm/protocol.py) over one compact network."""

    def __init__(self, card: ModelCard, engine: CompactEngine, goal: Views | None = None) -> None:
        """`goal` holds the goal images of the model folder."""
        self.name, self.views = card.name, card.views
        self._card, self._engine = card, engine
        self._stored_goal = self._encode(goal) if goal else None
        self._start: EncodedViews | None = None
        self._goal = self._stored_goal
        self._last: EncodedViews | None = None

    def reset(self, context: TaskContext) -> None:
        """Start an episode; the goal is that of `context`, else the one stored with the model."""
        self._start = self._encode(context.start)
        self._goal = self._encode(context.goal) if context.goal else self._stored_goal
        self._last = None

    def step(self, views: Views) -> Hops:
        """Hops from the last valid views, the start and the goal; RuntimeError before `reset`."""
        if self._start is None:
            raise RuntimeError('step before reset; call reset(context) when an episode starts')
        if not any(name in views.images for name in self.views):
            return Hops(0.0, 0.0, None, 0.0, False, f'none of the views {list(self.views)}')
        noise = max_pixel_noise(views.images, self.views)
        if noise > self._card.most_grain:
            reason = f'pixel noise {noise:.2f} of full scale, at most {self._card.most_grain:.2f}'
            return Hops(0.0, 0.0, None, 0.0, False, reason)
        now = self._encode(views)
        hops = self._compare(now)
        if hops.valid:
            self._last = now
        return hops

    def prepare_next(self) -> None:
        """Do nothing: a step takes milliseconds and leaves nothing to compute in advance."""

    def _encode(self, views: Views) -> EncodedViews:
        shape = self._card.shape
        return self._engine.encode(*stack_views(views, self.views, shape.width, shape.height))

    def _compare(self, now: EncodedViews) -> Hops:
        references = [one for one in (self._start, self._last, self._goal) if one is not None]
        changes = self._engine.compare(np.concatenate([one.state for one in references]), now.state)
        hops = {
            id(one): hop_from_change(float(change), one.progress)
            for one, change in zip(references, changes, strict=True)
        }
        familiar = now.familiarity >= self._card.least_familiarity
        return Hops(
            incremental=hops.get(id(self._last), 0.0),
            forward=hops[id(self._start)],
            backward=None if self._goal is None else hops[id(self._goal)],
            familiarity=now.familiarity,
            valid=bool(familiar and np.isfinite(changes).all()),
            reason='' if familiar else f'unfamiliar views ({now.familiarity:.2f})',
        )
