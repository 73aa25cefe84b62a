"""What a GRM is asked: texts with eight pictures among them.

The authors' own prompt is theirs; it is fetched once from their repository, or read from a file.
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

from robo_dopamine_ros.reward.cache import cache_folder
from robo_dopamine_ros.reward.grm import ModelError

PICTURES = 8  # reference start and end, then three views before and three after
TASK, IMAGE = '{task}', '<image>'
OFFICIAL = '6baabeeecf35c731aa1d058147f741f064a1391956bd8aa39448fe9bacad1b94'  # sha256
COMMIT = '7d4415fd173a01c07c12306ab1fb42dd8db92efb'
SOURCE = f'https://raw.githubusercontent.com/FlagOpen/Robo-Dopamine/{COMMIT}/examples/inference.py'
CURE = (
    'connect this machine once, or copy examples/inference.py of FlagOpen/Robo-Dopamine here '
    'and give its path as the prompt'
)
VARIABLE = 'SYSTEM_PROMPT'  # what their script calls it
PATIENCE = 10.0  # for an answer of the web [s]
MOST = 1_000_000  # of a script [B]

Opener = Callable[..., AbstractContextManager[BinaryIO]]  # as urllib.request.urlopen

PRACTICE = """Two robot pictures and six views follow; say how the robot fares with: {task}
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
    """A prompt with `{task}` where the instruction belongs and `<image>` for each picture."""

    text: str

    def __post_init__(self) -> None:
        found = self.text.count(IMAGE)
        if found != PICTURES:
            raise ModelError(f'the prompt has {IMAGE} {found} times; it must have {PICTURES}')
        if TASK not in self.text:
            raise ModelError(f'the prompt has no {TASK}; put it where the instruction belongs')

    def parts(self, task: str) -> tuple[str, ...]:
        """The nine texts around the pictures."""
        return tuple(part.replace(TASK, task) for part in self.text.split(IMAGE))

    @property
    def sha256(self) -> str:
        """Names this very text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def official(self) -> bool:
        """Whether it is the authors' own, to the letter."""
        return self.sha256 == OFFICIAL


def choose_prompt(path: str | Path | None) -> Prompt:
    """The prompt of a file; without one the authors' own."""
    return read_prompt(Path(path)) if path else official_prompt()


def practice_prompt() -> Prompt:
    """A short prompt of our own, for models that know nothing anyway."""
    return Prompt(PRACTICE)


def read_prompt(path: str | Path) -> Prompt:
    """Read a text file, or find the prompt in the authors' script (.py), which is never run."""
    path = Path(path).expanduser()
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f'prompt {path}: {error}') from error
    try:
        return Prompt(find(text) if path.suffix == '.py' else text)
    except ModelError as error:
        raise ModelError(f'{path}: {error}') from error


def official_prompt(opener: Opener = urlopen) -> Prompt:
    """The authors' prompt, fetched where it was not before; ModelError says what to do offline."""
    kept = cache_folder() / 'official_prompt.txt'
    with suppress(ModelError):
        if (prompt := read_prompt(kept)).official:
            return prompt
    try:
        with opener(SOURCE, timeout=PATIENCE) as answer:
            prompt = Prompt(find(answer.read(MOST).decode()))
    except (OSError, HTTPException, ValueError) as error:  # also of a page that is no script
        raise ModelError(f"the authors' prompt: {SOURCE}: {error}; {CURE}") from error
    if not prompt.official:
        raise ModelError(f"{SOURCE} is not the authors' prompt any more; {CURE}")
    with suppress(OSError):  # without a cache it is fetched each time
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f'.{os.getpid()}.part')
        part.write_text(prompt.text, encoding='utf-8')
        part.replace(kept)
    return prompt


def find(script: str) -> str:
    """The text that a Python script gives its prompt, read without running it."""
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
