"""Opening a model folder.

That imports torch only where the engine needs it: without it a process starts in a second less and
stays 180 MB smaller.
"""

from pathlib import Path

from robo_dopamine_ros.reward.compact.card import read_card
from robo_dopamine_ros.reward.compact.engines import ENGINES, SEE, Engine, OnnxEngine
from robo_dopamine_ros.reward.compact.model import CompactGRM
from robo_dopamine_ros.reward.compact.shape import Shape
from robo_dopamine_ros.reward.goal import GOAL, read_goal
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report


def _silent(share: float, what: str) -> None:
    """Tell nobody."""


def start_engine(
    folder: Path, shape: Shape, engine: str, threads: int, report: Report = _silent
) -> Engine:
    """Choose what runs the network; 'auto' takes ONNX Runtime where it is installed.

    'tensorrt' builds its engines at their first start, which takes a minute and is reported.
    """
    if engine not in ENGINES:
        raise ModelError(f'engine {engine!r} is unknown; it is one of {", ".join(ENGINES)}')
    if engine == 'torch':
        return _start_torch(folder, shape)
    if not (folder / SEE).exists():
        raise ModelError(f'{folder / SEE} is missing; use engine "torch" or adapt again')
    if engine == 'tensorrt':
        from robo_dopamine_ros.reward.compact.tensorrt_engine import TensorRTEngine

        return TensorRTEngine(folder, shape, report)
    try:
        return OnnxEngine(folder, threads)
    except ImportError:
        if engine == 'onnx':
            raise ModelError('engine "onnx" needs the package onnxruntime') from None
        return _start_torch(folder, shape)
    except Exception as error:  # the runtime's own kinds have no common ancestor
        raise ModelError(f'{folder / SEE} or its companion does not load: {error}') from error


def _start_torch(folder: Path, shape: Shape) -> Engine:
    from robo_dopamine_ros.reward.compact.torch_engine import TorchEngine
    from robo_dopamine_ros.reward.compact.weights import read_network

    return TorchEngine(read_network(folder, shape))


def load(
    path: str | Path, engine: str = 'auto', threads: int = 1, report: Report = _silent
) -> CompactGRM:
    """Open a model folder as a GRM; raises ModelError naming the file and what is wrong."""
    folder = Path(path)
    card = read_card(folder)
    runner = start_engine(folder, card.shape, engine, threads, report)
    return CompactGRM(card, runner, read_goal(folder / GOAL, card.views))
