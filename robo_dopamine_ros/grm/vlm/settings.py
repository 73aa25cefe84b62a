"""Settings of a vision-language GRM; importable without torch, for parameters and the CLI."""

import re
from dataclasses import dataclass

from robo_dopamine_ros.types import VIEWS

PRECISIONS = {  # precision of a compiled network -> name of the torch dtype
    'bf16': 'bfloat16',  # that of the published weights; ONNX Runtime cannot compute with it
    'fp16': 'float16',
    'fp32': 'float32',
}
EIGHT_BIT_PRECISIONS = ('fp8', 'int8')  # linear layers of the language model; the rest is fp16
CHOICES = {
    'precision': ('auto', *PRECISIONS),
    'limits': ('authors', 'checkpoint'),
    'readout': ('greedy', 'expectation'),
}
PADDING_GREY = 128  # pixel value of the image that replaces a missing one
COMPILED_KIND = 'vlm-grm-1'  # `kind` in the model.json of a compiled model
SIZE = re.compile(r'(\d{2,5})x(\d{2,5})')


@dataclass(frozen=True)
class VlmSettings:
    """How a vision-language GRM is loaded and how its answers are read."""

    size: str = '640x480'  # columns x rows of camera images [px]; compiled models have their own
    prompt: str = ''  # file with the prompt; empty: the authors' prompt, downloaded once
    device: str = 'auto'  # for engine torch: 'auto', 'cpu', 'cuda' or 'cuda:1'
    precision: str = 'auto'  # for engine torch: 'auto', 'fp32', 'fp16' or 'bf16'
    goal: str = ''  # folder with VIEW.png of the finished task; empty: the model's own, if any
    limits: str = 'authors'  # image area: of the 'authors' script or of the 'checkpoint'
    views: tuple[str, ...] = VIEWS  # camera views: front, left wrist, right wrist; one to three
    readout: str = 'greedy'  # 'greedy' decoding, or the 'expectation' over all answers
    decimals: bool = True  # decode one decimal (an extra decode step); without: error below 1 %
    draft: bool = True  # speculate on the tens of the next answer; saves a decode step

    def __post_init__(self) -> None:
        if not SIZE.fullmatch(self.size):
            raise ValueError(f'size = {self.size!r}; it must be like 640x480')
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f'{name} = {value!r}; it must be one of {", ".join(known)}')
        if not 1 <= len(self.views) <= 3 or len(set(self.views)) < len(self.views):
            raise ValueError(f'views = {list(self.views)}; it must name one to three views once')

    @property
    def columns_rows(self) -> tuple[int, int]:
        """Columns and rows of a camera image [px]."""
        columns, rows = self.size.split('x')
        return int(columns), int(rows)
