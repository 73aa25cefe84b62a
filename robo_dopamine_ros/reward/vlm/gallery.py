"""Pictures that the vision tower has looked at; the same picture is never looked at twice."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch

from robo_dopamine_ros.reward.vlm.engine import Engine, Seen
from robo_dopamine_ros.reward.vlm.published.pictures import ImageSettings, to_pixels
from robo_dopamine_ros.reward.vlm.settings import GREY

KEPT = 24  # pictures; a step shows three
AT_ONCE = 8  # pictures in one pass of the vision tower
Key = bytes  # of what a picture shows


class Gallery:
    """Remembers the newest pictures by their content."""

    def __init__(self, engine: Engine, images: ImageSettings) -> None:
        self.encoded = 0  # pictures the vision tower looked at so far
        self._engine, self._images = engine, images
        self._seen: OrderedDict[Key, Seen] = OrderedDict()

    def show(self, pictures: Sequence[np.ndarray]) -> list[Key]:
        """Look at pictures (H, W, 3) uint8 RGB; ValueError names a size the engine cannot take."""
        keys = [self._key(picture) for picture in pictures]
        new = {
            key: picture
            for key, picture in zip(keys, pictures, strict=True)
            if key not in self._seen
        }
        unknown = list(new)
        for start in range(0, len(unknown), AT_ONCE):
            self._look(unknown[start : start + AT_ONCE], new)
        for key in keys:
            self._seen.move_to_end(key)
        while len(self._seen) > max(KEPT, len(set(keys))):
            self._seen.popitem(last=False)
        return keys

    def blank(self) -> np.ndarray:
        """The picture for a view or a goal that is not there."""
        shape = self._engine.shape
        return np.full((shape.height, shape.width, 3), GREY, np.uint8)

    def __getitem__(self, key: Key) -> Seen:
        """What was seen in one picture: embeds (T, C), deepstack (D, T, C)."""
        return self._seen[key]

    def __contains__(self, key: Key) -> bool:
        return key in self._seen

    def _look(self, keys: list[Key], pictures: dict[Key, np.ndarray]) -> None:
        pixels = np.stack([self._pixels(pictures[key]) for key in keys])
        seen = self._engine.see(torch.from_numpy(pixels).to(self._engine.device))
        self.encoded += len(keys)
        for index, key in enumerate(keys):
            deepstack = None if seen.deepstack is None else seen.deepstack[:, index]
            self._seen[key] = Seen(seen.embeds[index], deepstack)

    def _pixels(self, picture: np.ndarray) -> np.ndarray:
        pixels, shape = to_pixels(picture, self._images), self._engine.shape
        if pixels.shape[1:] != (shape.height, shape.width):
            raise ValueError(
                f'a picture of {picture.shape[1]}x{picture.shape[0]} px becomes '
                f'{pixels.shape[2]}x{pixels.shape[1]}, the model takes '
                f'{shape.width}x{shape.height}; load or export it with the size of the cameras'
            )
        return pixels

    def _key(self, picture: np.ndarray) -> Key:
        told = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
        told.update(np.ascontiguousarray(picture).data)
        return told.digest()
