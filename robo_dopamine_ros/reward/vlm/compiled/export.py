"""Compiling a checkpoint: its network becomes two graphs, and its words a few files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch

from robo_dopamine_ros.reward.goal import GOAL
from robo_dopamine_ros.reward.graphs import OPSET, fingerprint, write
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report, silent
from robo_dopamine_ros.reward.vlm.compiled.folder import (
    CHAT,
    DECODER,
    EMBEDDING,
    TOKENIZER,
    TYPES,
    VISION,
    Lengths,
    VlmCard,
    write_card,
)
from robo_dopamine_ros.reward.vlm.compiled.graphs import decoder_graph, vision_graph
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint
from robo_dopamine_ros.reward.vlm.published.family import shape_of
from robo_dopamine_ros.reward.vlm.published.pictures import smart_resize
from robo_dopamine_ros.reward.vlm.query.layout import Layout
from robo_dopamine_ros.reward.vlm.query.prompt import TASK, Prompt
from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens

USUAL = 'put the red block into the blue box'  # a task of a usual number of words


def export(
    checkpoint: Checkpoint,
    folder: Path,
    size: tuple[int, int],
    prompt: Prompt,
    opset: int = OPSET,
    precision: str = '',
    report: Report = silent,
) -> VlmCard:
    """Write a folder (folder.py) for camera pictures of `size`, columns and rows, in px.

    `precision` names that of the checkpoint in memory, when its type alone does not tell. The
    folder must be new or empty; it is there as a whole or not at all.
    """
    model = checkpoint.model
    height, width = smart_resize(size[1], size[0], checkpoint.images)
    shape = shape_of(model, height, width)
    tokens = AnswerTokens.of(checkpoint.tokenizer)
    chat = checkpoint.chat(prompt.parts(TASK))
    layout = Layout.of(checkpoint.tokenizer, chat, USUAL, shape, tokens)
    parts = (layout.prefix, layout.before, layout.after)
    weight = model.get_input_embeddings().weight
    with _whole(folder) as place:
        report(0.0, 'writing the vision tower')
        write(vision_graph(model, shape), place / VISION, opset)
        report(0.3, 'writing the language model')
        write(decoder_graph(model, shape, tokens.ids), place / DECODER, opset)
        report(0.8, 'writing the words')
        table = {'embedding': weight.detach().cpu().contiguous()}
        safetensors.torch.save_file(table, place / EMBEDDING)
        checkpoint.tokenizer.save(str(place / TOKENIZER))
        (place / CHAT).write_text(chat, encoding='utf-8')
        if (checkpoint.folder / GOAL).is_dir():
            shutil.copytree(checkpoint.folder / GOAL, place / GOAL)
        report(0.9, 'hashing')
        card = VlmCard(
            name=checkpoint.name,
            shape=shape,
            answer_tokens=tokens.ids,
            images=checkpoint.images,
            precision=precision
            or next(name for name, kind in TYPES.items() if kind is weight.dtype),
            opset=opset,
            prompt=prompt.sha256,
            lengths=Lengths(*(len(part.ids) for part in parts)),
            files={
                path.name: fingerprint(path) for path in sorted(place.iterdir()) if path.is_file()
            },
        )
        write_card(place, card)
    report(1.0, 'done')
    return card


def check_new(folder: Path) -> None:
    """ModelError when there is something at `folder` already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelError(f'{folder} is not empty; give a new folder, nothing is written over')


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` when all went well, and else is gone."""
    check_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f'.{folder.name}-', dir=folder.parent))
    try:
        yield place
        place.chmod(0o755)
        os.replace(place, folder)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
