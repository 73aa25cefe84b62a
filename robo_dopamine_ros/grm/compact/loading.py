"""Opening a compact model folder with one of its engines.

Torch is imported only by the engines that need it: without it a process starts a second sooner and
takes 180 MB less memory.
"""

from pathlib import Path

from robo_dopamine_ros.grm.compact.config import CompactShape
from robo_dopamine_ros.grm.compact.model import (
    ENCODE_GRAPH,
    ENGINES,
    CompactEngine,
    CompactGRM,
    CompactOnnxEngine,
)
from robo_dopamine_ros.grm.compact.model_card import read_card
from robo_dopamine_ros.grm.goal_images import GOAL_DIR, read_goal_images
from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback, ignore_progress


def load_compact(
    path: str | Path,
    engine: str = 'auto',
    threads: int = 1,
    report: ProgressCallback = ignore_progress,
) -> CompactGRM:
    """Open a model folder as a GRM; ModelError names the file and what is wrong with it."""
    folder = Path(path)
    card = read_card(folder)
    runner = start_engine(folder, card.shape, engine, threads, report)
    return CompactGRM(card, runner, read_goal_images(folder / GOAL_DIR, card.views))


def start_engine(
    folder: Path,
    shape: CompactShape,
    engine: str,
    threads: int,
    report: ProgressCallback = ignore_progress,
) -> CompactEngine:
    """Start an engine of `ENGINES`; 'auto' is ONNX Runtime, or torch where that is not installed.

    'tensorrt' builds its engines at their first start, which takes a minute; `report` gets how far
    that is. Raises ModelError for an engine that is unknown or does not start.
    """
    if engine not in ENGINES:
        raise ModelError(f'engine {engine!r} is unknown; it is one of {", ".join(ENGINES)}')
    if engine == 'torch':
        return _start_torch(folder, shape)
    if not (folder / ENCODE_GRAPH).exists():
        raise ModelError(f'{folder / ENCODE_GRAPH} is missing; use engine "torch" or adapt again')
    if engine == 'tensorrt':
        from robo_dopamine_ros.grm.compact.torch_engine import CompactTensorRTEngine

        return CompactTensorRTEngine(folder, shape, report)
    try:
        return CompactOnnxEngine(folder, threads)
    except ImportError:
        if engine == 'onnx':
            raise ModelError('engine "onnx" needs the package onnxruntime') from None
        return _start_torch(folder, shape)
    except Exception as error:  # the exceptions of ONNX Runtime have no common base class
        raise ModelError(
            f'{folder / ENCODE_GRAPH} or its companion does not load: {error}'
        ) from error


def _start_torch(folder: Path, shape: CompactShape) -> CompactEngine:
    from robo_dopamine_ros.grm.compact.torch_engine import CompactTorchEngine
    from robo_dopamine_ros.grm.compact.weights import read_network

    return CompactTorchEngine(read_network(folder, shape))
