"""The prompt of a GRM: text with eight images in it.

The official prompt is not part of this package. It is downloaded once from the authors' repository,
or read from a file.
"""

import ast
import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

from robo_dopamine_ros.grm.cache import cache_dir
from robo_dopamine_ros.grm.protocol import ModelError

IMAGE_COUNT = 8  # reference start and end, then three views before and three after
TASK, IMAGE = '{task}', '<image>'
OFFICIAL_SHA256 = '6baabeeecf35c731aa1d058147f741f064a1391956bd8aa39448fe9bacad1b94'
COMMIT = '7d4415fd173a01c07c12306ab1fb42dd8db92efb'
SOURCE = f'https://raw.githubusercontent.com/FlagOpen/Robo-Dopamine/{COMMIT}/examples/inference.py'
OFFLINE_HINT = (
    'connect this machine once, or copy examples/inference.py of FlagOpen/Robo-Dopamine here '
    'and give its path as the prompt'
)
VARIABLE = 'SYSTEM_PROMPT'  # name of the prompt in the authors' script
FETCH_TIMEOUT = 10.0  # [s]
MAX_SCRIPT_BYTES = 1_000_000

UrlOpener = Callable[..., AbstractContextManager[BinaryIO]]  # like urllib.request.urlopen

SHORT_PROMPT = """Two robot pictures and six views follow; say how the robot fares with: {task}
How it looks at first: <image>
How it looks when all is done: <image>
Earlier, seen from in front: <image>
Earlier, left hand: <image>
Earlier, right hand: <image>
Now, seen from in front: <image>
Now, left hand: <image>
Now, right hand: <image>
Is {task} nearer to its end now than earlier? Give the share of what was left that is done by now, \
or with a minus the share of what was done that is lost. Write <score>+N%</score>, \
<score>-N%</score> or <score>0%</score> and nothing else.
"""


@dataclass(frozen=True)
class Prompt:
    """A prompt with `{task}` in place of the instruction and `<image>` in place of each image."""

    text: str

    def __post_init__(self) -> None:
        found = self.text.count(IMAGE)
        if found != IMAGE_COUNT:
            raise ModelError(f'the prompt has {IMAGE} {found} times; it must have {IMAGE_COUNT}')
        if TASK not in self.text:
            raise ModelError(f'the prompt has no {TASK}; put it where the instruction belongs')

    def parts(self, task: str) -> tuple[str, ...]:
        """The nine texts around the images."""
        return tuple(part.replace(TASK, task) for part in self.text.split(IMAGE))

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, as hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def official(self) -> bool:
        """Whether it is exactly the authors' prompt."""
        return self.sha256 == OFFICIAL_SHA256


def choose_prompt(path: str | Path | None) -> Prompt:
    """Read the prompt from a file; without a path use the authors' prompt."""
    return read_prompt(Path(path)) if path else official_prompt()


def short_prompt() -> Prompt:
    """A short prompt of this package, for models with random weights."""
    return Prompt(SHORT_PROMPT)


def read_prompt(path: str | Path) -> Prompt:
    """Read a text file, or extract the prompt from the authors' script (.py) without running it."""
    path = Path(path).expanduser()
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f'prompt {path}: {error}') from error
    try:
        return Prompt(extract_prompt(text) if path.suffix == '.py' else text)
    except ModelError as error:
        raise ModelError(f'{path}: {error}') from error


def official_prompt(opener: UrlOpener = urlopen) -> Prompt:
    """The authors' prompt, downloaded unless cached; ModelError says what to do offline."""
    cached = cache_dir() / 'official_prompt.txt'
    with suppress(ModelError):
        if (prompt := read_prompt(cached)).official:
            return prompt
    try:
        with opener(SOURCE, timeout=FETCH_TIMEOUT) as answer:
            prompt = Prompt(extract_prompt(answer.read(MAX_SCRIPT_BYTES).decode()))
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a page that is not text
        raise ModelError(f"the authors' prompt: {SOURCE}: {error}; {OFFLINE_HINT}") from error
    if not prompt.official:
        raise ModelError(f"{SOURCE} is not the authors' prompt any more; {OFFLINE_HINT}")
    with suppress(OSError):  # without a cache it is downloaded each time
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(f'.{os.getpid()}.part')
        part.write_text(prompt.text, encoding='utf-8')
        part.replace(cached)
    return prompt


def extract_prompt(script: str) -> str:
    """Value of SYSTEM_PROMPT in a Python script, found without running it."""
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError) as error:
        raise ModelError(f'no Python: {error}') from error
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                if name == VARIABLE:
                    return text
    raise ModelError(f'no {VARIABLE} = """..."""; give the script of the authors, or a text file')
