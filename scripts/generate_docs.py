"""Writes docs/messages.md, topics.md, parameters.md and nodes.svg from the definitions.

With --check nothing is written and the exit code says whether they are up to date.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from robo_dopamine_ros.ros import environment

environment.activate()

from node_graph import draw_nodes  # noqa: E402

from robo_dopamine_ros.nodes.cell_config import (  # noqa: E402
    NODES,
    CellParameters,
    parameters_class,
)
from robo_dopamine_ros.ros import topics  # noqa: E402
from robo_dopamine_ros.ros.params import TYPES, ParameterSpec, flatten  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
NOTE = '<!-- Written by scripts/generate_docs.py from {source}; edit those. -->\n'
PARTS = {'msg': [''], 'srv': ['Request', 'Response'], 'action': ['Goal', 'Result', 'Feedback']}
LINE = re.compile(r'(?P<type>\S+)\s+(?P<name>\w+)\s*(?P<value>=\s*\S+)?\s*#\s*(?P<meaning>.*)')
CAMERA = topics.camera_topic('VIEW')
SECTIONS = {**{node: parameters_class(node) for node in NODES}, 'cell': CellParameters}


def main() -> int:
    """Write or check every page; returns the exit code."""
    stale = []
    for name, text in pages().items():
        path = ROOT / 'docs' / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if '--check' not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    done = 'out of date' if '--check' in sys.argv else 'written'
    print('\n'.join(f'docs/{name} {done}' for name in stale) or 'docs are up to date')
    return int('--check' in sys.argv and bool(stale))


def pages() -> dict[str, str]:
    """Return every generated page by its file name."""
    return {
        'messages.md': ''.join(messages()),
        'topics.md': ''.join(all_topics()),
        'parameters.md': ''.join(parameters()),
        'nodes.svg': draw_nodes([CAMERA, *topics.TOPICS]),
    }


def messages() -> Iterator[str]:
    """Yield every message, service and action with its fields."""
    yield NOTE.format(source='msg/, srv/ and action/')
    yield '# Messages, services and actions of `robo_dopamine`\n\n'
    yield 'Every stamp is ROS time. Frames follow REP 103: SI units, x forward, y left, z up.\n'
    for kind, parts in PARTS.items():
        for path in sorted((ROOT / kind).glob(f'*.{kind}')):
            yield f'\n## {kind}/{path.stem}\n\n'
            yield from definition(path.read_text(), parts)


def definition(text: str, parts: list[str]) -> Iterator[str]:
    """Yield the introduction of one file and a table for each part."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if not line.startswith('#'))
    yield ' '.join(line.lstrip('# ') for line in lines[:start]) + '\n'
    for part, body in zip(parts, '\n'.join(lines[start:]).split('---'), strict=True):
        rows = [row for line in body.splitlines() if (row := table_row(line))]
        yield f'\n**{part}**\n' if part else ''
        if rows:
            yield '\n| field | type | meaning |\n|---|---|---|\n' + ''.join(rows)
        else:
            yield '\nNothing.\n'


def table_row(line: str) -> str:
    """Return one field or constant as a row; ValueError for one without a comment."""
    if not line.strip():
        return ''
    if (found := LINE.fullmatch(line)) is None:
        raise ValueError(f'no comment: {line}')
    constant = f' {found["value"]}' if found['value'] else ''
    return f'| `{found["name"]}{constant}` | {found["type"]} | {found["meaning"]} |\n'


def all_topics() -> Iterator[str]:
    """Yield every topic, service and action with its owner."""
    yield NOTE.format(source='robo_dopamine_ros/ros/topics.py')
    yield '# Topics, services and actions\n\n'
    yield 'Names are relative, so that every robot can have a namespace.\n\n'
    yield '| topic | type | rate | quality of service | from | to | meaning |\n'
    yield '|---|---|---|---|---|---|---|\n'
    cameras = [topics.camera_topic('VIEW', transport) for transport in ('raw', 'compressed')]
    for topic in (*cameras, *topics.TOPICS):
        rate = f'{topic.rate:g} Hz' if topic.rate else 'on change'
        quality = topic.qos.reliability.name.lower().replace('_', ' ')
        if topic.qos.durability.name == 'TRANSIENT_LOCAL':
            quality += ', kept for late joiners'
        yield (
            f'| `{topic.name}` | {type_name(topic.type)} | {rate} | {quality}, depth '
            f'{topic.qos.depth} | {topic.source} | {topic.sink} | {topic.meaning} |\n'
        )
    yield '\n| service or action | type | owner | meaning |\n|---|---|---|---|\n'
    for service in topics.SERVICES:
        kind = 'action ' if service.action else ''
        yield (
            f'| `{service.name}` | {kind}{type_name(service.type)} | {service.owner} '
            f'| {service.meaning} |\n'
        )


def type_name(kind: type) -> str:
    """Return package/Type of a message class."""
    return f'{kind.__module__.partition(".")[0]}/{kind.__name__}'


def parameters() -> Iterator[str]:
    """Yield every parameter of every node."""
    yield NOTE.format(source='the dataclasses of the nodes')
    yield '# Parameters\n\n'
    yield 'They are set when a node starts and read-only afterwards; unknown ones are refused.\n'
    yield 'The section `cell` of a cell file belongs to no node.\n'
    for node, fields in SECTIONS.items():
        yield f'\n## {node}\n\n| parameter | type | default | meaning |\n|---|---|---|---|\n'
        for key, leaf in flatten(fields).items():
            default = json.dumps(leaf.default)
            yield f'| `{key}` | {kind_name(leaf)} | `{default}` | {meaning(leaf)} |\n'


def kind_name(leaf: ParameterSpec) -> str:
    """Return the type as ROS names it."""
    return TYPES[leaf.kind].name.lower().replace('_', ' ')


def meaning(leaf: ParameterSpec) -> str:
    """Return the description, with the range that ROS checks."""
    limits = f'; {leaf.range[0]:g} to {leaf.range[1]:g}' if leaf.range else ''
    return leaf.description + limits


if __name__ == '__main__':
    sys.exit(main())
