"""One name for one concept: unique class names, no retired word, files of a readable length."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ROOT / 'robo_dopamine_ros'
MAX_LINES = 300
TEXTS = (
    *('robo_dopamine_ros/**/*.py', 'bench/*.py', 'test/**/*.py', 'launch/*.py'),
    *(
        'scripts/*.py',
        'examples/*.py',
        'config/**/*.yaml',
        'msg/*.msg',
        'srv/*.srv',
        'action/*.action',
    ),
    *('docs/*.md', 'README.md', 'setup.cfg'),
)
# Words that stood for concepts of the field before they were named; each with the term in use.
RETIRED = {
    'album': 'thumbnails, or a cache',
    'bystander': 'ScriptedIntervention',
    'classroom': 'fine-tuning job',
    'conductor': 'episode manager',
    'footage': 'frame source',
    'foretell': 'predict',
    'gallery': 'cache, or renderer',
    'keeper': 'writer',
    'lessons': 'learner loop, or training examples',
    'logbook': 'TensorBoard writer',
    'lookout': 'camera poller',
    'outbox': 'send buffer',
    'playhead': 'playback',
    'pupil': 'trainer',
    'put_away': 'save',
    'reckoning': 'audit',
    'rivals': 'other publishers',
    'sealer': 'transition builder',
    'studio': 'rollout recorder',
    'take_up': 'restore',
    'tally': 'statistics',
    'wardrobe': 'domain randomization',
    'wish': 'command, or requested',
    'wished': 'requested',
    'wishes': 'commands',
    'witness': 'liveness monitor',
    'witnesses': 'liveness monitor',
    'workshop': 'training run',
}
HISTORY = ('retired.py', 'test_retired.py', 'test_vocabulary.py')  # these name them on purpose


def classes() -> Iterator[tuple[str, str]]:
    """Every public class of the package, with its file."""
    for path in CODE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
                yield node.name, str(path.relative_to(ROOT))


def test_no_public_class_name_is_defined_twice() -> None:
    homes = defaultdict(list)
    for name, path in classes():
        homes[name].append(path)
    assert not {name: paths for name, paths in homes.items() if len(paths) > 1}


@pytest.mark.parametrize('word', RETIRED)
def test_a_retired_word_does_not_come_back(word: str) -> None:
    pattern = re.compile(rf'(?<![a-zA-Z]){word}(?![a-z])', re.IGNORECASE)
    found = [
        f'{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}'
        for glob in TEXTS
        for path in sorted(ROOT.glob(glob))
        if path.name not in HISTORY
        for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f'{word!r} is retired; say {RETIRED[word]!r}:\n' + '\n'.join(found)


def test_no_file_is_longer_than_a_reader_takes_in() -> None:
    lengths = {p: len(p.read_text().splitlines()) for p in CODE.rglob('*.py')}
    assert not {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > MAX_LINES}


def test_every_file_that_the_docs_name_exists() -> None:
    pattern = re.compile(r'`((?:[a-z_]+/)*[a-z_]+\.(?:py|msg|srv|yaml))`')
    missing = {
        f'{path.name}: {name}'
        for path in (*(ROOT / 'docs').glob('*.md'), ROOT / 'README.md')
        for name in pattern.findall(path.read_text())
        if not any(found for base in (ROOT, CODE, ROOT / 'config') for found in base.glob(name))
    }
    assert not missing
