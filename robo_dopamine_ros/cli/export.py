"""The verb `export`: compile a published model for this machine, and build its engines."""

import argparse
import json
from pathlib import Path
from typing import Any

from robo_dopamine_ros.cli.bars import bar
from robo_dopamine_ros.cli.eightbit import take
from robo_dopamine_ros.reward.compact.card import KIND, read_card
from robo_dopamine_ros.reward.loading import Kind, kind_of
from robo_dopamine_ros.reward.telling import Report, part
from robo_dopamine_ros.reward.vlm.precision import EIGHT_BITS, PRECISIONS
from robo_dopamine_ros.reward.vlm.settings import CHOICES, COMPILED, VlmSettings

HELP = 'compile a published reward model, and build its engines for a GPU'
EXAMPLES = """\
examples:
  robo-dopamine export CHECKPOINT --out models/grm-3b --tensorrt
                                      compile for this machine's GPU
  robo-dopamine export CHECKPOINT --out models/grm-3b --size 1280x720 --precision fp16
                                      for cameras of another size
  robo-dopamine export CHECKPOINT --out models/grm-3b-fp8 --precision fp8 --calibrate EPISODES_DIR
                                      8 bits, fitted to episodes of your robot; check it with
                                      `robo-dopamine fidelity`
  robo-dopamine export models/grm-3b --tensorrt
                                      build the engines of what was compiled elsewhere
  robo-dopamine export models/grm --tensorrt
                                      those of an adapted compact model
  robo-dopamine export runs/model     write its graphs anew, when an older version wrote them
  robo-dopamine export CHECKPOINT --out models/cpu --precision fp32
                                      for ONNX Runtime on a processor: for tests, it is slow
"""


class ExportError(ValueError):
    """Words that do not go together."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    default = VlmSettings()
    add = parser.add_argument
    add(
        'model',
        metavar='MODEL',
        help='checkpoint folder, its name on the hub, a compiled folder, or a compact model',
    )
    add('--out', metavar='DIR', type=Path, help='folder to write; it must be new or empty')
    add('--size', metavar='WxH', default=default.size, help='of the cameras (default: %(default)s)')
    add('--prompt', metavar='FILE', default='', help="default: the authors' own, fetched once")
    add(
        '--limits',
        choices=CHOICES['limits'],
        default=default.limits,
        help="of a picture's area: of the authors' script or of the checkpoint",
    )
    add(
        '--precision',
        choices=(*PRECISIONS, *EIGHT_BITS),
        default='bf16',
        help='of the network; ONNX Runtime needs fp32 (default: %(default)s)',
    )
    add(
        '--calibrate',
        metavar='EPISODES',
        type=Path,
        nargs='+',
        help=f'episode folders, or above; {" and ".join(EIGHT_BITS)} need some of the task',
    )
    add(
        '--questions',
        type=int,
        default=384,
        metavar='N',
        help='asked about the episodes (default: %(default)s)',
    )
    add('--opset', type=int, metavar='N', help='of the graphs (default: 18); 23 for TensorRT 10.15')
    add('--tensorrt', action='store_true', help="build the engines for this machine's GPU as well")
    add('--json', action='store_true', help='end with one JSON object on stdout')


def run(args: argparse.Namespace) -> int:
    """Compile and build; says what was written."""
    kind = kind_of(args.model)
    if kind is Kind.COMPACT:
        read_card(Path(args.model).expanduser())  # or it says what is wrong
    if kind is not Kind.PUBLISHED and args.out:
        raise ExportError(f'{args.model} is compiled already; --out is for checkpoints')
    if kind is Kind.PUBLISHED and not args.out:
        raise ExportError(f'{args.model}: give --out, the folder to compile it into')
    if kind is Kind.COMPILED and not args.tensorrt:
        raise ExportError(f'{args.model} is compiled already; --tensorrt builds its engines')
    if bool(args.calibrate) != (args.precision in EIGHT_BITS):
        raise ExportError(
            f'{" and ".join(EIGHT_BITS)} are fitted to episodes: --calibrate EPISODES goes with '
            'them, and with them only'
        )
    if args.tensorrt:
        check_tensorrt()
    with bar() as show:
        written = compact(args, show) if kind is Kind.COMPACT else published(args, kind, show)
    if args.tensorrt:
        from robo_dopamine_ros.reward.tensorrt.cache import default_folder

        written['engines'] = str(default_folder())
    print(json.dumps(written) if args.json else as_text(written))
    return 0


def check_tensorrt() -> None:
    """Fail now rather than after minutes of work."""
    from robo_dopamine_ros.reward.tensorrt.library import Gpu, library

    library()
    Gpu.found()


def compact(args: argparse.Namespace, show: Report) -> dict[str, Any]:
    """Build the engines of a compact model, or write its graphs anew."""
    folder = Path(args.model).expanduser()
    if args.tensorrt:
        from robo_dopamine_ros.reward.compact import load

        load(folder, 'tensorrt', report=show)
    else:
        from robo_dopamine_ros.reward.compact.weights import export_again

        show(0.0, 'writing graphs')
        export_again(folder)
        show(1.0, 'writing graphs')
    return {'model': str(folder), 'kind': KIND, 'precision': 'fp32'}


def published(args: argparse.Namespace, kind: Kind, show: Report) -> dict[str, Any]:
    """Compile a checkpoint unless it is, and build its engines when that is wished."""
    from robo_dopamine_ros.reward.vlm.compiled.folder import read_card  # takes seconds: torch
    from robo_dopamine_ros.reward.vlm.query.prompt import OFFICIAL

    there = kind is Kind.COMPILED
    compiled = 0.0 if there else 0.5 if args.tensorrt else 1.0  # share of the bar
    folder = Path(args.model).expanduser() if there else args.out
    if not there:
        compile_checkpoint(args, part(show, 0.0, compiled))
    card = read_card(folder)
    if args.tensorrt:
        from robo_dopamine_ros.reward.vlm.compiled.graph_engine import open_runtimes

        open_runtimes(folder, card, 'tensorrt', 0, part(show, compiled, 1.0))
    return {
        'model': str(folder),
        'kind': COMPILED,
        'name': card.name,
        'precision': card.precision,
        'picture': [card.shape.width, card.shape.height],
        'picture_tokens': card.shape.tokens,
        'query_tokens': card.lengths.prefix + card.lengths.before + card.lengths.after,
        'official_prompt': card.prompt == OFFICIAL,
        'bytes': sum(file.size for file in card.files.values()),
    }


def compile_checkpoint(args: argparse.Namespace, show: Report) -> None:
    """Compile on the processor; the checkpoint has left the memory when this returns."""
    from robo_dopamine_ros.reward.graphs import OPSET
    from robo_dopamine_ros.reward.vlm.compiled.export import check_new, export
    from robo_dopamine_ros.reward.vlm.compiled.quantize import OPSET as OPSET_OF_8_BITS
    from robo_dopamine_ros.reward.vlm.query.prompt import choose_prompt

    eight = args.precision in EIGHT_BITS
    settings = VlmSettings(
        size=args.size,
        prompt=args.prompt,
        precision='auto' if eight else args.precision,
        limits=args.limits,
    )
    opset = args.opset or (OPSET_OF_8_BITS if eight else OPSET)
    if eight and opset < OPSET_OF_8_BITS:
        raise ExportError(f'--opset {opset}; {args.precision} needs {OPSET_OF_8_BITS} or more')
    check_new(args.out)
    prompt = choose_prompt(settings.prompt)
    first, second = part(show, 0.0, 0.3), part(show, 0.3, 1.0)
    checkpoint = take(args, settings, prompt, first)
    size = settings.columns_rows
    export(checkpoint, args.out, size, prompt, opset, args.precision, report=second)


def as_text(told: dict[str, Any]) -> str:
    """For people."""
    lines = [f'{told["model"]}: {told["kind"]}, {told["precision"]}']
    if 'picture' in told:
        columns, rows = told['picture']
        official = "the authors' prompt" if told['official_prompt'] else 'a prompt of your own'
        lines[0] += f', {told["bytes"] / 2**30:.2f} GiB'
        lines.append(
            f'pictures of {columns}x{rows} px in {told["picture_tokens"]} tokens, '
            f'{official}, {told["query_tokens"]} tokens a query'
        )
    if 'engines' in told:
        lines.append(f'engines in {told["engines"]}')
    return '\n'.join(lines)
