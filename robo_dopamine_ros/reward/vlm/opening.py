"""A checkpoint or a compiled folder, opened as a GRM."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from tokenizers import Tokenizer

from robo_dopamine_ros.reward.goal import GOAL, read_goal
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report
from robo_dopamine_ros.reward.vlm.compiled.folder import read_chat, read_tokenizer
from robo_dopamine_ros.reward.vlm.compiled.graph_engine import ENGINES, GraphEngine
from robo_dopamine_ros.reward.vlm.engine import Shape
from robo_dopamine_ros.reward.vlm.model import Language, VlmGRM
from robo_dopamine_ros.reward.vlm.network.torch_engine import TorchEngine
from robo_dopamine_ros.reward.vlm.precision import PRECISIONS
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint, open_checkpoint
from robo_dopamine_ros.reward.vlm.published.pictures import LIMITS, ImageSettings, smart_resize
from robo_dopamine_ros.reward.vlm.query.layout import Layout
from robo_dopamine_ros.reward.vlm.query.prompt import TASK, Prompt, choose_prompt
from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
from robo_dopamine_ros.types import Views


def open_published(name: str | Path, settings: VlmSettings, report: Report) -> VlmGRM:
    """Run a checkpoint, a folder or a name on the hub, by torch."""
    prompt, dtype = choose_prompt(settings.prompt), PRECISIONS.get(settings.precision, 'auto')
    checkpoint = open_checkpoint(name, settings.device, dtype, report)
    return over_torch(checkpoint, prompt, settings)


def over_torch(checkpoint: Checkpoint, prompt: Prompt, settings: VlmSettings) -> VlmGRM:
    """Run a checkpoint that is in memory."""
    images = choose_limits(checkpoint.images, settings)
    tokens = AnswerTokens.of(checkpoint.tokenizer)
    columns, rows = settings.columns_rows
    height, width = smart_resize(rows, columns, images)
    engine = TorchEngine(checkpoint.model, height, width, tokens.ids)
    chat = checkpoint.chat(prompt.parts(TASK))
    language = _language(checkpoint.tokenizer, chat, engine.shape, tokens, images)
    return VlmGRM(checkpoint.name, engine, language, settings, goal_in(checkpoint.folder, settings))


def open_compiled(
    folder: Path, engine: str, threads: int, settings: VlmSettings, report: Report
) -> VlmGRM:
    """Run a folder that `export` wrote; 'auto' is TensorRT where there is a GPU."""
    if engine == 'auto':
        engine = 'tensorrt' if torch.cuda.is_available() else 'onnx'
    if engine not in ENGINES:
        raise ModelError(f'{folder} is compiled; engine {engine!r} is not of {", ".join(ENGINES)}')
    runner = GraphEngine(folder, engine, threads, report)
    tokenizer = read_tokenizer(folder)
    tokens = AnswerTokens.of(tokenizer)
    if tokens.ids != runner.answer_tokens:
        raise ModelError(f'{folder}: its tokenizer is not the one it was exported with')
    images = runner.card.images
    language = _language(tokenizer, read_chat(folder), runner.shape, tokens, images)
    return VlmGRM(runner.card.name, runner, language, settings, goal_in(folder, settings))


def goal_in(folder: Path, settings: VlmSettings) -> Views | None:
    """The goal of a task that a model was adapted to, or the one that was chosen; None: neither."""
    place = Path(settings.goal) if settings.goal else folder / GOAL
    if not settings.goal and not place.is_dir():
        return None
    return read_goal(place, settings.views, least=1)


def choose_limits(images: ImageSettings, settings: VlmSettings) -> ImageSettings:
    """Limits of a picture's area: the authors', whatever the checkpoint says, unless it counts."""
    if settings.limits == 'checkpoint':
        return images
    return replace(images, min_pixels=LIMITS[0], max_pixels=LIMITS[1])


def _language(
    tokenizer: Tokenizer, chat: str, shape: Shape, tokens: AnswerTokens, images: ImageSettings
) -> Language:
    @lru_cache(maxsize=4)
    def lay_out(task: str) -> Layout:
        return Layout.of(tokenizer, chat, task, shape, tokens)

    return Language(lay_out, tokens, images)
