"""A checkpoint's own chat template, and the message that a GRM gets rendered with it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from robo_dopamine_ros.reward.grm import ModelError

Chat = Callable[[Sequence[str]], str]  # the texts around the pictures -> the whole prompt


def read_chat(folder: Path) -> Chat:
    """Read the template from wherever a version of transformers has put it."""
    template = read_template(folder)
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    room = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=['jinja2.ext.loopcontrols']
    )
    room.globals['raise_exception'] = refuse
    try:
        compiled = room.from_string(template)
    except TemplateError as error:
        raise ModelError(f'{folder}: chat template: {error}') from error

    def chat(parts: Sequence[str]) -> str:
        """One message of the user, a picture between any two parts, and the answer's opening."""
        content: list[dict[str, str]] = []
        for part in parts:
            content += ({'type': 'image'}, {'type': 'text', 'text': part})
        messages = [{'role': 'user', 'content': content[1:]}]
        try:
            return compiled.render(messages=messages, add_generation_prompt=True)
        except (TemplateError, TypeError, ValueError) as error:
            raise ModelError(f'{folder}: chat template: {error}') from error

    return chat


def read_template(folder: Path) -> str:
    """The text of the template; ModelError naming the places where it may be."""
    alone = folder / 'chat_template.jinja'
    if alone.exists():
        return alone.read_text(encoding='utf-8')
    places = ('chat_template.json', 'tokenizer_config.json', 'processor_config.json')
    for path in (folder / name for name in places):
        try:
            found = json.loads(path.read_text(encoding='utf-8')).get('chat_template')
        except FileNotFoundError:
            continue
        except (OSError, ValueError, AttributeError) as error:
            raise ModelError(f'{path}: {error}; copy the file again') from error
        if isinstance(found, str):
            return found
    wanted = ', '.join((alone.name, *places))
    raise ModelError(f'{folder} has no chat template ({wanted}); copy it from the checkpoint')
