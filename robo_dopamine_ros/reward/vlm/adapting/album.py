"""The pictures of demonstrations, as the vision tower sees them."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.adapting.hopfiles import Picture
from robo_dopamine_ros.reward.vlm.engine import Seen, Shape
from robo_dopamine_ros.reward.vlm.network.vision import VisionFixedGrid
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint
from robo_dopamine_ros.reward.vlm.published.family import shape_of
from robo_dopamine_ros.reward.vlm.published.pictures import smart_resize, to_pixels

AT_ONCE = 8  # pictures in one pass of the vision tower


class Album:
    """Looks at each picture once and keeps what it saw, on the CPU.

    While the vision tower or what follows it learns (`frozen` False), pixels are kept instead, and
    looked at whenever they are asked for.
    """

    def __init__(self, checkpoint: Checkpoint, size: tuple[int, int], frozen: bool) -> None:
        """`size` is that of every camera picture: rows, columns [px]."""
        rows, columns = smart_resize(size[0], size[1], checkpoint.images)
        self.shape: Shape = shape_of(checkpoint.model, rows, columns)
        self._images, self._device = checkpoint.images, checkpoint.model.device
        self._vision = VisionFixedGrid(checkpoint.model.model.visual, rows, columns).eval()
        self._frozen, self._size = frozen, size
        self._pixels: dict[Picture, Tensor] = {}  # (3, rows, columns) float32
        self._seen: dict[Picture, Seen] = {}  # embeds (T, C), deepstack (D, T, C)

    def fill(
        self,
        footage: Iterable[tuple[Picture, np.ndarray]],
        total: int,
        report: Callable[[float], None],
    ) -> None:
        """Take in pictures (H, W, 3) uint8 RGB; ValueError naming a size unlike the first."""
        for index, (picture, image) in enumerate(footage):
            if smart_resize(image.shape[0], image.shape[1], self._images) != self._rows_columns:
                raise ValueError(
                    f'{picture.view} frame {picture.frame} is {image.shape[0]} x {image.shape[1]} '
                    f'px, the first picture {self._size[0]} x {self._size[1]}; all must have one '
                    'aspect'
                )
            self._pixels[picture] = torch.from_numpy(to_pixels(image, self._images))
            if self._frozen and len(self._pixels) == AT_ONCE:
                self._look()
            report(index / total)
        if self._frozen and self._pixels:
            self._look()

    def __call__(self, pictures: Sequence[Picture]) -> Seen:
        """What is seen in N pictures, on the model's device; embeds (N, T, C)."""
        if not self._frozen:
            different = list(dict.fromkeys(pictures))
            seen = self._see(torch.stack([self._pixels[picture] for picture in different]))
            index = torch.tensor([different.index(picture) for picture in pictures])
            index = index.to(self._device)
            return Seen(
                seen.embeds[index], None if seen.deepstack is None else seen.deepstack[:, index]
            )
        kept = [self._seen[picture] for picture in pictures]
        embeds = torch.stack([seen.embeds for seen in kept]).to(self._device)
        deep = [seen.deepstack for seen in kept if seen.deepstack is not None]
        return Seen(embeds, torch.stack(deep, 1).to(self._device) if deep else None)

    @property
    def _rows_columns(self) -> tuple[int, int]:
        return self.shape.height, self.shape.width

    def _see(self, pixels: Tensor) -> Seen:
        seen = self._vision(pixels.to(self._device))
        return Seen(*seen) if self.shape.deepstack else Seen(seen)

    @torch.no_grad()
    def _look(self) -> None:
        pictures = list(self._pixels)
        seen = self._see(torch.stack([self._pixels.pop(picture) for picture in pictures]))
        for index, picture in enumerate(pictures):
            deep = None if seen.deepstack is None else seen.deepstack[:, index].cpu()
            self._seen[picture] = Seen(seen.embeds[index].cpu(), deep)
