"""Compiles a checkpoint into a model directory: ONNX graphs, embeddings, tokenizer, prompt."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch

from robo_dopamine_ros.grm.goal_images import GOAL_DIR
from robo_dopamine_ros.grm.onnx_export import OPSET, fingerprint, write_onnx
from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback, ignore_progress
from robo_dopamine_ros.grm.vlm.compiled import model_dir
from robo_dopamine_ros.grm.vlm.compiled.graphs import decoder_graph, vision_graph
from robo_dopamine_ros.grm.vlm.image_processor import smart_resize
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint
from robo_dopamine_ros.grm.vlm.published.family import network_shape
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout
from robo_dopamine_ros.grm.vlm.query.prompt import TASK, Prompt

TYPICAL_TASK = 'put the red block into the blue box'  # of typical length


def export(
    checkpoint: PublishedCheckpoint,
    folder: Path,
    size: tuple[int, int],
    prompt: Prompt,
    opset: int = OPSET,
    precision: str = '',
    report: ProgressCallback = ignore_progress,
) -> model_dir.VlmCard:
    """Write a model directory (model_dir.py) for camera images of `size` (columns, rows) [px].

    `precision` names that of the checkpoint if the dtype of its embeddings differs. The
    directory must be new or empty; it is written completely or not at all.
    """
    model = checkpoint.model
    height, width = smart_resize(size[1], size[0], checkpoint.images)
    shape = network_shape(model, height, width)
    tokens = AnswerTokens.of(checkpoint.tokenizer)
    chat = checkpoint.render_chat(prompt.parts(TASK))
    layout = PromptLayout.of(checkpoint.tokenizer, chat, TYPICAL_TASK, shape, tokens)
    sections = (layout.prefix, layout.before, layout.after)
    weight = model.get_input_embeddings().weight
    with _new_dir(folder) as part:
        report(0.0, 'writing the vision tower')
        write_onnx(vision_graph(model, shape), part / model_dir.VISION, opset)
        report(0.3, 'writing the language model')
        write_onnx(decoder_graph(model, shape, tokens.ids), part / model_dir.DECODER, opset)
        report(0.8, 'writing embeddings and tokenizer')
        table = {'embedding': weight.detach().cpu().contiguous()}
        safetensors.torch.save_file(table, part / model_dir.EMBEDDING)
        checkpoint.tokenizer.save(str(part / model_dir.TOKENIZER))
        (part / model_dir.CHAT).write_text(chat, encoding='utf-8')
        if (checkpoint.folder / GOAL_DIR).is_dir():
            shutil.copytree(checkpoint.folder / GOAL_DIR, part / GOAL_DIR)
        report(0.9, 'hashing')
        card = model_dir.VlmCard(
            name=checkpoint.name,
            shape=shape,
            answer_tokens=tokens.ids,
            images=checkpoint.images,
            precision=precision
            or next(name for name, kind in model_dir.CARD_DTYPES.items() if kind is weight.dtype),
            opset=opset,
            prompt=prompt.sha256,
            lengths=model_dir.SectionLengths(*(len(section.ids) for section in sections)),
            files={p.name: fingerprint(p) for p in sorted(part.iterdir()) if p.is_file()},
        )
        model_dir.write_vlm_card(part, card)
    report(1.0, 'done')
    return card


def require_empty(folder: Path) -> None:
    """Raise ModelError if `folder` is a file or a directory that is not empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelError(f'{folder} is not empty; give a new folder, nothing is written over')


@contextmanager
def _new_dir(folder: Path) -> Iterator[Path]:
    """A temporary directory, renamed to `folder` on success and removed otherwise."""
    require_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f'.{folder.name}-', dir=folder.parent))
    try:
        yield part
        part.chmod(0o755)
        os.replace(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
