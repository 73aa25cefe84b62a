"""Loads a published checkpoint or a compiled model directory as a GRM."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from tokenizers import Tokenizer

from robo_dopamine_ros.grm.goal_images import GOAL_DIR, read_goal_images
from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback
from robo_dopamine_ros.grm.vlm.compiled.graph_engine import ENGINES, VlmGraphEngine
from robo_dopamine_ros.grm.vlm.compiled.model_dir import EXPORT_AGAIN, read_prompt_text
from robo_dopamine_ros.grm.vlm.engine import NetworkShape
from robo_dopamine_ros.grm.vlm.image_processor import AREA_LIMITS, ImageSettings, smart_resize
from robo_dopamine_ros.grm.vlm.model import VlmGRM, VlmProcessor
from robo_dopamine_ros.grm.vlm.network.torch_engine import VlmTorchEngine
from robo_dopamine_ros.grm.vlm.published.checkpoint import (
    PublishedCheckpoint,
    open_checkpoint,
    read_tokenizer,
)
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout
from robo_dopamine_ros.grm.vlm.query.prompt import TASK, Prompt, choose_prompt
from robo_dopamine_ros.grm.vlm.settings import PRECISIONS, VlmSettings
from robo_dopamine_ros.types import Views


def open_published(name: str | Path, settings: VlmSettings, report: ProgressCallback) -> VlmGRM:
    """Load a checkpoint, a folder or a hub name, to be run by torch."""
    prompt, dtype = choose_prompt(settings.prompt), PRECISIONS.get(settings.precision, 'auto')
    checkpoint = open_checkpoint(name, settings.device, dtype, report)
    return grm_from_checkpoint(checkpoint, prompt, settings)


def grm_from_checkpoint(
    checkpoint: PublishedCheckpoint, prompt: Prompt, settings: VlmSettings
) -> VlmGRM:
    """A GRM that runs a checkpoint in memory by torch."""
    images = apply_area_limits(checkpoint.images, settings)
    tokens = AnswerTokens.of(checkpoint.tokenizer)
    columns, rows = settings.columns_rows
    height, width = smart_resize(rows, columns, images)
    engine = VlmTorchEngine(checkpoint.model, height, width, tokens.ids)
    chat = checkpoint.render_chat(prompt.parts(TASK))
    processor = _processor(checkpoint.tokenizer, chat, engine.shape, tokens, images)
    goal = find_goal(checkpoint.folder, settings)
    return VlmGRM(checkpoint.name, engine, processor, settings, goal)


def open_compiled(
    folder: Path, engine: str, threads: int, settings: VlmSettings, report: ProgressCallback
) -> VlmGRM:
    """Load a directory written by `export`; engine 'auto' is TensorRT if there is a GPU."""
    if engine == 'auto':
        engine = 'tensorrt' if torch.cuda.is_available() else 'onnx'
    if engine not in ENGINES:
        raise ModelError(f'{folder} is compiled; engine {engine!r} is not of {", ".join(ENGINES)}')
    runner = VlmGraphEngine.open(folder, engine, threads, report)
    tokenizer = read_tokenizer(folder, EXPORT_AGAIN)
    tokens = AnswerTokens.of(tokenizer)
    if tokens.ids != runner.answer_tokens:
        raise ModelError(f'{folder}: its tokenizer is not the one it was exported with')
    images = runner.card.images
    processor = _processor(tokenizer, read_prompt_text(folder), runner.shape, tokens, images)
    return VlmGRM(runner.card.name, runner, processor, settings, find_goal(folder, settings))


def find_goal(folder: Path, settings: VlmSettings) -> Views | None:
    """Goal views: those of the settings, else those stored with the model; None: neither."""
    goal_dir = Path(settings.goal) if settings.goal else folder / GOAL_DIR
    if not settings.goal and not goal_dir.is_dir():
        return None
    return read_goal_images(goal_dir, settings.views, least=1)


def apply_area_limits(images: ImageSettings, settings: VlmSettings) -> ImageSettings:
    """Replace the image area limits by the authors', unless those of the checkpoint are chosen."""
    if settings.limits == 'checkpoint':
        return images
    return replace(images, min_pixels=AREA_LIMITS[0], max_pixels=AREA_LIMITS[1])


def _processor(
    tokenizer: Tokenizer,
    chat: str,
    shape: NetworkShape,
    tokens: AnswerTokens,
    images: ImageSettings,
) -> VlmProcessor:
    def layout_for(task: str) -> PromptLayout:
        return PromptLayout.of(tokenizer, chat, task, shape, tokens)

    return VlmProcessor(lru_cache(maxsize=4)(layout_for), tokens, images)
