"""Draws docs/nodes.svg: the nodes and the topics between them, from the topic table."""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import product
from typing import NamedTuple

from robo_dopamine_ros.ros.topics import Topic

WIDTH, HEIGHT = 1120, 640  # of the drawing [px]
BOX = (172, 58)  # of a node [px]
INK, MUTED, TOPIC, FILE = '#1f2d3d', '#5b6b7c', '#0b6aa8', '#8a5a00'


class Place(NamedTuple):
    """Where a node stands, and what stands below its name."""

    x: float  # centre [px]
    y: float
    role: str
    fill: str = '#e8f1fa'


NODES = {
    'cameras': Place(130, 80, 'drivers, up to three views', '#eeeeee'),
    'reward': Place(560, 80, 'general reward model'),
    'episode_manager': Place(980, 80, 'starts, ends, resets episodes'),
    'policy': Place(130, 310, 'acts at 10 Hz'),
    'gate': Place(560, 310, 'limits every command', '#fde9d9'),
    'arm driver': Place(980, 310, 'Franka, UR, PiPER, simulator', '#eeeeee'),
    'learner': Place(130, 550, 'Cal-QL or ConRFT'),
    'recorder': Place(560, 550, 'writes every step and episode'),
    'teleop': Place(980, 550, "a person's input devices"),
}
FILES = (('recorder', 'learner', 'experience.db'), ('learner', 'policy', 'policy.safetensors'))
DRIVER = (('gate', 'arm driver', 'target pose or joints'),)
# How far the line between two nodes bends to its left [px], and where its label stands (0..1).
BENDS = {
    ('cameras', 'recorder'): (0, 0.22),
    ('reward', 'recorder'): (250, 0.22),
    ('recorder', 'episode_manager'): (90, 0.22),
    ('gate', 'episode_manager'): (34, 0.56),
    ('episode_manager', 'gate'): (34, 0.35),
    ('gate', 'recorder'): (0, 0.36),
    ('gate', 'policy'): (26, 0.5),
    ('policy', 'gate'): (26, 0.5),
    ('policy', 'recorder'): (26, 0.5),
    ('recorder', 'policy'): (26, 0.5),
}


def draw_nodes(topics: Iterable[Topic]) -> str:
    """Return the SVG text; sources and sinks of a topic are separated by commas."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for topic in topics:
        for source, sink in product(topic.source.split(', '), topic.sink.split(', ')):
            if source in NODES and sink in NODES:
                pairs.setdefault((source, sink), []).append(topic.name)
    edges = [edge(*pair, names, TOPIC) for pair, names in pairs.items()]
    edges += [edge(source, sink, [name], FILE) for source, sink, name in FILES]
    edges += [edge(source, sink, [name], MUTED) for source, sink, name in DRIVER]
    boxes = [box(name, place) for name, place in NODES.items()]
    arrows, labels = zip(*edges, strict=True)
    return '\n'.join([HEAD, *arrows, *boxes, *labels, FOOT, '</svg>', ''])


def box(name: str, place: Place) -> str:
    """One node."""
    width, height = BOX
    return (
        f'<rect x="{place.x - width / 2:g}" y="{place.y - height / 2:g}" width="{width}" '
        f'height="{height}" rx="8" fill="{place.fill}" stroke="{INK}"/>'
        f'<text x="{place.x:g}" y="{place.y - 3:g}" font-weight="bold">{escape(name)}</text>'
        f'<text x="{place.x:g}" y="{place.y + 15:g}" class="role">{escape(place.role)}</text>'
    )


def edge(source: str, sink: str, names: list[str], colour: str) -> tuple[str, str]:
    """One arrow and its label; a file is drawn dashed."""
    a, b = NODES[source], NODES[sink]
    bend, at = BENDS.get((source, sink), (0, 0.5))
    dx, dy = b.x - a.x, b.y - a.y
    length = (dx * dx + dy * dy) ** 0.5
    middle = ((a.x + b.x) / 2 + bend * dy / length, (a.y + b.y) / 2 - bend * dx / length)
    start, end = border(a, middle), border(b, middle)
    x, y = between(start, middle, end, at)
    dashes = ' stroke-dasharray="6 4"' if colour == FILE else ''
    y -= 8 * (len(names) - 1)
    words = ''.join(
        f'<tspan x="{x:.0f}" dy="{16 if row else 0}">{escape(name)}</tspan>'
        for row, name in enumerate(names)
    )
    return (
        f'<path d="M {start[0]:.0f} {start[1]:.0f} Q {middle[0]:.0f} {middle[1]:.0f} '
        f'{end[0]:.0f} {end[1]:.0f}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes} '
        f'marker-end="url(#{MARKERS[colour]})"/>',
        f'<text x="{x:.0f}" y="{y + 4:.0f}" class="label" fill="{colour}">{words}</text>',
    )


def border(place: Place, toward: tuple[float, float]) -> tuple[float, float]:
    """Return the point where a line from a node's centre leaves its box, with a small gap."""
    dx, dy = toward[0] - place.x, toward[1] - place.y
    across = abs(dx) / (BOX[0] / 2 + 5) if dx else 0.0
    along = abs(dy) / (BOX[1] / 2 + 5) if dy else 0.0
    scale = 1 / max(across, along)
    return place.x + dx * scale, place.y + dy * scale


def between(
    start: tuple[float, float], middle: tuple[float, float], end: tuple[float, float], at: float
) -> tuple[float, float]:
    """Return the point of a quadratic Bezier curve at the parameter `at`, 0..1."""
    weights = ((1 - at) ** 2, 2 * at * (1 - at), at**2)
    x, y = (
        sum(
            weight * point[axis]
            for weight, point in zip(weights, (start, middle, end), strict=True)
        )
        for axis in (0, 1)
    )
    return x, y


FOOT = (
    f'<text x="{WIDTH / 2:g}" y="{HEIGHT - 14}" class="role">Every node also receives episode from '
    'episode_manager and publishes /diagnostics. Dashed: files, not topics.</text>'
)
MARKERS: Mapping[str, str] = {TOPIC: 'topic', FILE: 'file', MUTED: 'driver'}
HEAD = '\n'.join(
    [
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="15" '
        f'text-anchor="middle" fill="{INK}">',
        '<title>Nodes of a cell that learns, and the topics between them</title>',
        '<style>.role{font-size:11px;fill:#5b6b7c}.label{font-size:12.5px;paint-order:stroke;'
        'stroke:#fff;stroke-width:5px;stroke-linejoin:round}</style>',
        '<defs>',
        *(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z" fill="{colour}"/></marker>'
            for colour, name in MARKERS.items()
        ),
        '</defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
)
