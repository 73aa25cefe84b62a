"""Sizes of the compact GRM; known without torch, which only training and one engine need."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Sizes of the network; stored beside its weights."""

    views: int = 3
    width: int = 128  # picture columns [px]
    height: int = 96  # picture rows [px]
    token: int = 128  # features of one view
    state: int = 256  # features of one set of views
    bins: int = 49  # of the progress histogram

    def __post_init__(self) -> None:
        """Refuse sizes the layers cannot take."""
        if not 1 <= self.views <= 3:
            raise ValueError(f'views is {self.views}; a model sees one to three')
        if self.width % 32 or self.height % 32:
            raise ValueError(f'pictures of {self.width}x{self.height}; sides must divide by 32')
