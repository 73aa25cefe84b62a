"""Opening any reward model: a compact one, a published checkpoint, or one that was compiled."""

import json
from collections.abc import Callable
from pathlib import Path

from robo_dopamine_ros.reward import compact
from robo_dopamine_ros.reward.compact.card import CARD, ModelError
from robo_dopamine_ros.reward.grm import GRM
from robo_dopamine_ros.reward.vlm.settings import VlmSettings

Report = Callable[[float, str], None]  # share done 0..1, what is going on
COMPILED = 'vlm-grm-1'  # kind of a model folder that `export` wrote


def silent(share: float, what: str) -> None:
    """Tell nobody."""


def load(
    path: str | Path,
    engine: str = 'auto',
    threads: int = 1,
    vlm: VlmSettings | None = None,
    report: Report = silent,
) -> GRM:
    """Open a folder, or a name on the hub, as a GRM; ModelError naming what is wrong with it.

    `engine` is 'torch', 'onnx' or 'tensorrt'; 'auto' takes what is best of those that run here.
    `vlm` holds for vision-language models only. `report` is told how far reading or building is.
    """
    folder = Path(path).expanduser()
    if kind_of(folder) == COMPILED:
        from robo_dopamine_ros.reward.vlm.opening import open_compiled

        return open_compiled(folder, engine, threads, vlm or VlmSettings(), report)
    if (folder / CARD).exists() or (folder.is_dir() and not (folder / 'config.json').exists()):
        return compact.load(folder, engine, threads)
    if engine not in ('auto', 'torch'):
        raise ModelError(
            f'{path} is a checkpoint, which engine {engine!r} does not run; '
            f'compile it with `robo-dopamine export {path} --out DIR`'
        )
    from robo_dopamine_ros.reward.vlm.opening import open_published

    return open_published(path, vlm or VlmSettings(), report)


def kind_of(folder: Path) -> str:
    """What a model folder says it is; empty where it says nothing."""
    try:
        facts = json.loads((folder / CARD).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return ''
    return str(facts.get('kind', '')) if isinstance(facts, dict) else ''
