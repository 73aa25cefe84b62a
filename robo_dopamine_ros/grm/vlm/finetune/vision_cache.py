"""Vision features of the images of demonstrations, computed once."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.grm.vlm.engine import NetworkShape, VisionFeatures
from robo_dopamine_ros.grm.vlm.finetune.dataset import ImageRef
from robo_dopamine_ros.grm.vlm.image_processor import smart_resize, to_pixels
from robo_dopamine_ros.grm.vlm.network.vision import FixedSizeVisionTower
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint
from robo_dopamine_ros.grm.vlm.published.family import network_shape

BATCH_SIZE = 8  # images in one pass of the vision tower


class TrainingVisionCache:
    """Features of images, computed once and kept on the CPU.

    While the merger is trained (`frozen` False), pixels are kept instead and encoded on every use.
    """

    def __init__(
        self, checkpoint: PublishedCheckpoint, size: tuple[int, int], frozen: bool
    ) -> None:
        """`size` of all camera images: rows, columns [px]."""
        rows, columns = smart_resize(size[0], size[1], checkpoint.images)
        self.shape: NetworkShape = network_shape(checkpoint.model, rows, columns)
        self._settings, self._device = checkpoint.images, checkpoint.model.device
        self._vision = FixedSizeVisionTower(checkpoint.model.model.visual, rows, columns).eval()
        self._frozen, self._size = frozen, size
        self._pixels: dict[ImageRef, Tensor] = {}  # (3, rows, columns) float32
        self._features: dict[ImageRef, VisionFeatures] = {}  # embeds (T, C), deepstack (D, T, C)

    def encode(
        self,
        images: Iterable[tuple[ImageRef, np.ndarray]],
        total: int,
        report: Callable[[float], None],
    ) -> None:
        """Add `total` images (H, W, 3) uint8 RGB; ValueError for one of another aspect ratio."""
        for index, (ref, image) in enumerate(images):
            size = smart_resize(image.shape[0], image.shape[1], self._settings)
            if size != (self.shape.height, self.shape.width):
                raise ValueError(
                    f'{ref.view} frame {ref.frame} is {image.shape[0]} x {image.shape[1]} '
                    f'px, the first picture {self._size[0]} x {self._size[1]}; all must have one '
                    'aspect'
                )
            self._pixels[ref] = torch.from_numpy(to_pixels(image, self._settings))
            if self._frozen and len(self._pixels) == BATCH_SIZE:
                self._encode_pending()
            report(index / total)
        if self._frozen and self._pixels:
            self._encode_pending()

    def __call__(self, refs: Sequence[ImageRef]) -> VisionFeatures:
        """Features of N images on the device of the model; embeds (N, T, C)."""
        if not self._frozen:
            different = list(dict.fromkeys(refs))
            batch = self._forward(torch.stack([self._pixels[ref] for ref in different]))
            index = torch.tensor([different.index(ref) for ref in refs]).to(self._device)
            deepstack = None if batch.deepstack is None else batch.deepstack[:, index]
            return VisionFeatures(batch.embeds[index], deepstack)
        features = [self._features[ref] for ref in refs]
        embeds = torch.stack([one.embeds for one in features]).to(self._device)
        layers = [one.deepstack for one in features if one.deepstack is not None]
        return VisionFeatures(embeds, torch.stack(layers, 1).to(self._device) if layers else None)

    def _forward(self, pixels: Tensor) -> VisionFeatures:
        out = self._vision(pixels.to(self._device))
        return VisionFeatures(*out) if self.shape.deepstack else VisionFeatures(out)

    @torch.no_grad()
    def _encode_pending(self) -> None:
        refs = list(self._pixels)
        batch = self._forward(torch.stack([self._pixels.pop(ref) for ref in refs]))
        for index, ref in enumerate(refs):
            deepstack = None if batch.deepstack is None else batch.deepstack[:, index].cpu()
            self._features[ref] = VisionFeatures(batch.embeds[index].cpu(), deepstack)
