"""Cache of vision features, keyed by image content, so that no image is encoded twice."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch

from robo_dopamine_ros.grm.vlm.engine import VisionFeatures, VlmEngine
from robo_dopamine_ros.grm.vlm.image_processor import ImageSettings, to_pixels
from robo_dopamine_ros.grm.vlm.settings import PADDING_GREY

MAX_IMAGES = 24  # kept; a step has three new ones
BATCH_SIZE = 8  # images in one pass of the vision tower
ImageKey = bytes  # hash of an image


class VisionCache:
    """Least-recently-used cache of the features of images."""

    def __init__(self, engine: VlmEngine, images: ImageSettings) -> None:
        self.encoded = 0  # images encoded so far
        self._engine, self._settings = engine, images
        self._features: OrderedDict[ImageKey, VisionFeatures] = OrderedDict()

    def encode(self, images: Sequence[np.ndarray]) -> list[ImageKey]:
        """Encode images (H, W, 3) uint8 RGB; returns the key of each.

        Raises ValueError for a size that the engine does not take.
        """
        keys = [_hash(image) for image in images]
        by_key = dict(zip(keys, images, strict=True))
        new = [key for key in by_key if key not in self._features]
        for start in range(0, len(new), BATCH_SIZE):
            self._encode_batch(new[start : start + BATCH_SIZE], by_key)
        for key in keys:
            self._features.move_to_end(key)
        while len(self._features) > max(MAX_IMAGES, len(by_key)):
            self._features.popitem(last=False)
        return keys

    def blank_image(self) -> np.ndarray:
        """The grey image (height, width, 3) for a missing view or goal."""
        shape = self._engine.shape
        return np.full((shape.height, shape.width, 3), PADDING_GREY, np.uint8)

    def __getitem__(self, key: ImageKey) -> VisionFeatures:
        """Features of one image: embeds (T, C), deepstack (D, T, C)."""
        return self._features[key]

    def _encode_batch(self, keys: list[ImageKey], images: dict[ImageKey, np.ndarray]) -> None:
        pixels = np.stack([self._pixels(images[key]) for key in keys])
        batch = self._engine.encode_images(torch.from_numpy(pixels).to(self._engine.device))
        self.encoded += len(keys)
        for index, key in enumerate(keys):
            deepstack = None if batch.deepstack is None else batch.deepstack[:, index]
            self._features[key] = VisionFeatures(batch.embeds[index], deepstack)

    def _pixels(self, image: np.ndarray) -> np.ndarray:
        pixels, shape = to_pixels(image, self._settings), self._engine.shape
        if pixels.shape[1:] != (shape.height, shape.width):
            raise ValueError(
                f'a picture of {image.shape[1]}x{image.shape[0]} px becomes '
                f'{pixels.shape[2]}x{pixels.shape[1]}, the model takes '
                f'{shape.width}x{shape.height}; load or export it with the size of the cameras'
            )
        return pixels


def _hash(image: np.ndarray) -> ImageKey:
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
