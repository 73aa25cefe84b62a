"""What the model is asked: the authors' words, or others of the same make."""

import ast
import hashlib
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from robo_dopamine_ros.reward.compact.card import ModelError

TASK, PICTURE, PICTURES = '{task}', '<image>', 8
OFFICIAL = '6baabeeecf35c731aa1d058147f741f064a1391956bd8aa39448fe9bacad1b94'  # sha256 of the text
SOURCE = (  # where the authors publish it, in their script for inference
    'https://raw.githubusercontent.com/FlagOpen/Robo-Dopamine/'
    '7d4415fd173a01c07c12306ab1fb42dd8db92efb/examples/inference.py'
)
NAME = 'SYSTEM_PROMPT'  # of the text in that script
PRACTICE = """
Watch a robot at work on: {task}
At first it looked like this <image> and at the end it should look like this <image>.
Some time ago the cameras showed front <image> left <image> right <image>
and now they show front <image> left <image> right <image>.
Say in per cent how far the work on {task} has come since, of what was left, or fallen back.
"""  # for models that have not learnt the authors' words, such as those of random weights
TIMEOUT = 20.0  # [s]

Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class Prompt:
    """A text with `{task}` for the instruction and `<image>` for each of the eight pictures."""

    text: str

    def __post_init__(self) -> None:
        if (count := self.text.count(PICTURE)) != PICTURES:
            raise ModelError(f'the prompt has {count} {PICTURE}; it must have {PICTURES}')
        if TASK not in self.text:
            raise ModelError(f'the prompt has no {TASK}, where the instruction would stand')

    @property
    def official(self) -> bool:
        """Whether these are the words the published checkpoints were asked with."""
        return hashlib.sha256(self.text.encode()).hexdigest() == OFFICIAL

    def parts(self, task: str = TASK) -> list[str]:
        """The nine texts around the pictures; without a task `{task}` stays in them."""
        return [part.replace(TASK, task) for part in self.text.split(PICTURE)]


def read_prompt(path: Path) -> Prompt:
    """Read a text, or the one in the authors' script, which is not run."""
    try:
        text = path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise ModelError(f'{path} is no text: {error}') from error
    try:
        return Prompt(_of_script(text, path) if path.suffix == '.py' else text)
    except ModelError as error:
        raise ModelError(f'{path}: {error}') from error


def official_prompt(fetch: Fetch | None = None, cache: Path | None = None) -> Prompt:
    """The authors' prompt: kept from the last time, or fetched from where they publish it."""
    kept = (cache or cache_folder()) / 'grm_prompt.txt'
    if kept.exists() and (prompt := Prompt(kept.read_text(encoding='utf-8'))).official:
        return prompt
    cure = f'give a copy of the script, or of {NAME} in it, as the prompt'
    try:
        script = (fetch or _fetch)(SOURCE).decode()
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, 'reason', error)
        raise ModelError(f'{SOURCE} cannot be had ({told}); {cure}') from error
    prompt = Prompt(_of_script(script, Path(SOURCE)))
    if not prompt.official:
        raise ModelError(f'{SOURCE} is not what it was (its {NAME} differs); {cure}')
    kept.parent.mkdir(parents=True, exist_ok=True)
    beside = kept.with_name(f'{kept.name}.{os.getpid()}')
    beside.write_text(prompt.text, encoding='utf-8')
    beside.replace(kept)
    return prompt


def practice_prompt() -> Prompt:
    """Words for models that never learnt the authors' own."""
    return Prompt(PRACTICE)


def cache_folder() -> Path:
    """Where what was fetched is kept for this user."""
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'robo_dopamine'


def _of_script(script: str, path: Path) -> str:
    try:
        body = ast.parse(script).body
    except SyntaxError as error:
        raise ModelError(f'{path} is no Python: {error}') from error
    for node in body:
        if isinstance(node, ast.Assign) and any(ast.unparse(t) == NAME for t in node.targets):
            return str(ast.literal_eval(node.value))
    raise ModelError(f'{path} has no {NAME}')


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
        return bytes(answer.read())
