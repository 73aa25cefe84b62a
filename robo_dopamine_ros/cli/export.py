"""Verb `export`: compile a published model into ONNX graphs and build its TensorRT engines."""

import argparse
import json
from pathlib import Path
from typing import Any

from robo_dopamine_ros.cli.console import progress_bar
from robo_dopamine_ros.cli.option_types import Whole, check_writable_dir, output_dir
from robo_dopamine_ros.data.episode_folder import find_recordings
from robo_dopamine_ros.grm.compact.model_card import MODEL_KIND, read_card
from robo_dopamine_ros.grm.loading import ModelKind, kind_of
from robo_dopamine_ros.grm.protocol import ProgressCallback, sub_progress
from robo_dopamine_ros.grm.vlm.settings import (
    CHOICES,
    COMPILED_KIND,
    EIGHT_BIT_PRECISIONS,
    PRECISIONS,
    VlmSettings,
)

HELP = 'compile a published reward model, and build its engines for a GPU'
EXAMPLES = """\
examples:
  robo-dopamine export CHECKPOINT --out models/grm-3b --tensorrt
                                      compile for this machine's GPU
  robo-dopamine export CHECKPOINT --out models/grm-3b --size 1280x720 --precision fp16
                                      for cameras of another size
  robo-dopamine export CHECKPOINT --out models/grm-3b-fp8 --precision fp8 --calibrate EPISODES_DIR
                                      8 bits, calibrated with episodes of your robot; check it with
                                      `robo-dopamine compare`
  robo-dopamine export models/grm-3b --tensorrt
                                      build the engines of what was compiled elsewhere
  robo-dopamine export models/grm --tensorrt
                                      those of an adapted compact model
  robo-dopamine export runs/model     write its graphs anew, when an older version wrote them
  robo-dopamine export CHECKPOINT --out models/cpu --precision fp32
                                      for ONNX Runtime on a processor: for tests, it is slow
"""


class ExportError(ValueError):
    """Options that exclude each other, or one that is missing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    default = VlmSettings()
    add = parser.add_argument
    add('model', metavar='MODEL', help='checkpoint, hub name, compiled folder or compact model')
    add('--out', metavar='DIR', type=output_dir, help='folder to write; it must be new or empty')
    add('--size', metavar='WxH', default=default.size, help='of the cameras (default: %(default)s)')
    add('--prompt', metavar='FILE', default='', help="default: the authors', downloaded once")
    add('--limits', choices=CHOICES['limits'], default=default.limits, help='of the image area')
    add(
        '--precision',
        choices=(*PRECISIONS, *EIGHT_BIT_PRECISIONS),
        default='bf16',
        help='of the network; ONNX Runtime needs fp32 (default: %(default)s)',
    )
    add('--calibrate', metavar='EPISODES', type=Path, nargs='+', help='episodes, for fp8 and int8')
    add(
        '--questions', metavar='N', type=Whole(1), default=384, help='of --calibrate (default: 384)'
    )
    add(
        '--opset',
        type=Whole(18),
        metavar='N',
        help='of the graphs (default: 18); 23 for TensorRT 10.15',
    )
    add('--tensorrt', action='store_true', help="build the engines for this machine's GPU as well")
    add('--json', action='store_true', help='end with one JSON object on stdout')


def run(args: argparse.Namespace) -> int:
    """Export the model and print what was written; returns the exit code."""
    kind = kind_of(args.model)
    if kind is ModelKind.COMPACT:
        folder = Path(args.model).expanduser()
        read_card(folder)  # raises an error if it is no model
        check_writable_dir(folder)
    if kind is not ModelKind.PUBLISHED and args.out:
        raise ExportError(f'{args.model} is compiled already; --out is for checkpoints')
    if kind is ModelKind.PUBLISHED and not args.out:
        raise ExportError(f'{args.model}: give --out, the folder to compile it into')
    if kind is ModelKind.COMPILED and not args.tensorrt:
        raise ExportError(f'{args.model} is compiled already; --tensorrt builds its engines')
    if bool(args.calibrate) != (args.precision in EIGHT_BIT_PRECISIONS):
        raise ExportError(
            f'{" and ".join(EIGHT_BIT_PRECISIONS)} are fitted to episodes: --calibrate EPISODES '
            'goes with them, and with them only'
        )
    if args.tensorrt:
        require_tensorrt()
    with progress_bar() as report:
        if kind is ModelKind.COMPACT:
            written = export_compact(args, report)
        else:
            written = export_published(args, kind, report)
    if args.tensorrt:
        from robo_dopamine_ros.grm.tensorrt.cache import default_cache_dir

        written['engines'] = str(default_cache_dir())
    print(json.dumps(written) if args.json else as_text(written))
    return 0


def require_tensorrt() -> None:
    """Raise ModelError before any work if TensorRT or a GPU is missing."""
    from robo_dopamine_ros.grm.tensorrt.environment import Gpu, import_tensorrt

    import_tensorrt()
    Gpu.current()


def export_compact(args: argparse.Namespace, report: ProgressCallback) -> dict[str, Any]:
    """Build the engines of a compact model, or rewrite its graphs."""
    folder = Path(args.model).expanduser()
    if args.tensorrt:
        from robo_dopamine_ros.grm.compact.loading import load_compact

        load_compact(folder, 'tensorrt', report=report)
    else:
        from robo_dopamine_ros.grm.compact.weights import reexport_graphs

        report(0.0, 'writing graphs')
        reexport_graphs(folder)
        report(1.0, 'writing graphs')
    return {'model': str(folder), 'kind': MODEL_KIND, 'precision': 'fp32'}


def export_published(
    args: argparse.Namespace, kind: ModelKind, report: ProgressCallback
) -> dict[str, Any]:
    """Compile a checkpoint unless it is compiled, and build its engines with --tensorrt."""
    from robo_dopamine_ros.grm.vlm.compiled.model_dir import read_vlm_card  # takes seconds: torch
    from robo_dopamine_ros.grm.vlm.query.prompt import OFFICIAL_SHA256

    compiled = kind is ModelKind.COMPILED
    split = 0.0 if compiled else 0.5 if args.tensorrt else 1.0  # compilation's share of the bar
    folder = Path(args.model).expanduser() if compiled else args.out
    if not compiled:
        compile_checkpoint(args, sub_progress(report, 0.0, split))
    card = read_vlm_card(folder)
    if args.tensorrt:
        from robo_dopamine_ros.grm.vlm.compiled.graph_engine import open_runtimes

        open_runtimes(folder, card, 'tensorrt', 0, sub_progress(report, split, 1.0))
    return {
        'model': str(folder),
        'kind': COMPILED_KIND,
        'name': card.name,
        'precision': card.precision,
        'picture': [card.shape.width, card.shape.height],
        'picture_tokens': card.shape.tokens,
        'query_tokens': card.lengths.prefix + card.lengths.before + card.lengths.after,
        'official_prompt': card.prompt == OFFICIAL_SHA256,
        'bytes': sum(file.size for file in card.files.values()),
    }


def compile_checkpoint(args: argparse.Namespace, report: ProgressCallback) -> None:
    """Compile a checkpoint on the CPU; its memory is free again on return."""
    from robo_dopamine_ros.grm.onnx_export import OPSET
    from robo_dopamine_ros.grm.vlm.compiled.export import export, require_empty
    from robo_dopamine_ros.grm.vlm.compiled.quantize import QUANTIZED_OPSET, load_for_export
    from robo_dopamine_ros.grm.vlm.query.prompt import choose_prompt

    quantized = args.precision in EIGHT_BIT_PRECISIONS
    settings = VlmSettings(
        size=args.size,
        prompt=args.prompt,
        precision='auto' if quantized else args.precision,
        limits=args.limits,
    )
    opset = args.opset or (QUANTIZED_OPSET if quantized else OPSET)
    if quantized and opset < QUANTIZED_OPSET:
        raise ExportError(f'--opset {opset}; {args.precision} needs {QUANTIZED_OPSET} or more')
    require_empty(args.out)
    prompt = choose_prompt(settings.prompt)
    recordings = find_recordings(args.calibrate) if quantized else []
    first, second = sub_progress(report, 0.0, 0.3), sub_progress(report, 0.3, 1.0)
    checkpoint = load_for_export(
        args.model, args.precision, recordings, args.questions, settings, prompt, first
    )
    size = settings.columns_rows
    export(checkpoint, args.out, size, prompt, opset, args.precision, report=second)


def as_text(written: dict[str, Any]) -> str:
    """A summary of what was written."""
    lines = [f'{written["model"]}: {written["kind"]}, {written["precision"]}']
    if 'picture' in written:
        columns, rows = written['picture']
        official = "the authors' prompt" if written['official_prompt'] else 'a prompt of your own'
        lines[0] += f', {written["bytes"] / 2**30:.2f} GiB'
        lines.append(
            f'pictures of {columns}x{rows} px in {written["picture_tokens"]} tokens, '
            f'{official}, {written["query_tokens"]} tokens a query'
        )
    if 'engines' in written:
        lines.append(f'engines in {written["engines"]}')
    return '\n'.join(lines)
