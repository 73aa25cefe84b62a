"""How a vision-language GRM is run; known without torch, so that parameters can be told at once."""

import re
from dataclasses import dataclass

from robo_dopamine_ros.reward.vlm.precision import PRECISIONS
from robo_dopamine_ros.types import VIEWS

CHOICES = {
    'precision': ('auto', *PRECISIONS),
    'limits': ('authors', 'checkpoint'),
    'readout': ('greedy', 'expectation'),
}
GREY = 128  # of the picture that stands for one that is not there
COMPILED = 'vlm-grm-1'  # what the card of a model folder that `export` wrote says
SIZE = re.compile(r'(\d{2,5})x(\d{2,5})')


@dataclass(frozen=True)
class VlmSettings:
    """What a person may choose for a vision-language GRM."""

    size: str = '640x480'  # columns x rows of camera pictures [px]; compiled models have their own
    prompt: str = ''  # file of the prompt; empty: the authors' own, fetched once
    device: str = 'auto'  # for engine torch: 'auto', 'cpu', 'cuda' or 'cuda:1'
    precision: str = 'auto'  # for engine torch: 'auto', 'fp32', 'fp16' or 'bf16'
    goal: str = ''  # folder with VIEW.png of the finished task; empty: that of the model, if any
    limits: str = 'authors'  # of a picture's area: of the 'authors' script or of the 'checkpoint'
    views: tuple[str, ...] = VIEWS  # camera views: front, left wrist, right wrist; one to three
    readout: str = 'greedy'  # the answer as it would be written, or its 'expectation'
    decimals: bool = True  # read one decimal; each takes a decode step, cutting it errs below 1 %
    draft: bool = True  # guess the tens of an answer from the last one; saves a decode step

    def __post_init__(self) -> None:
        if not SIZE.fullmatch(self.size):
            raise ValueError(f'size = {self.size!r}; it must be like 640x480')
        for name, known in CHOICES.items():
            if (told := getattr(self, name)) not in known:
                raise ValueError(f'{name} = {told!r}; it must be one of {", ".join(known)}')
        if not 1 <= len(self.views) <= 3 or len(set(self.views)) < len(self.views):
            raise ValueError(f'views = {list(self.views)}; it must name one to three views once')

    @property
    def columns_rows(self) -> tuple[int, int]:
        """Columns and rows of a camera picture [px]."""
        columns, rows = self.size.split('x')
        return int(columns), int(rows)
