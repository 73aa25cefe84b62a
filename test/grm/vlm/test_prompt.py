"""Prompts from files, from the authors' script, and downloaded once."""

import hashlib
import io
import threading
from collections.abc import Iterator
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as some

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.query import prompt as module
from robo_dopamine_ros.grm.vlm.query.prompt import (
    IMAGE,
    SOURCE,
    TASK,
    Prompt,
    official_prompt,
    read_prompt,
    short_prompt,
)

THEIRS = f'\nDo \N{EM DASH} `{TASK}`:' + IMAGE * 8 + f'and {TASK}\n'
SCRIPT = f'import nothing_there\nX = 1\nSYSTEM_PROMPT = """{THEIRS}"""\nraise SystemExit(1)\n'


class FakeOpener:
    """Gives a page as urlopen does, and counts."""

    def __init__(self, page: str | bytes | Exception) -> None:
        self.page, self.asked = page, 0

    def __call__(self, address: str, timeout: float) -> io.BytesIO:
        assert address == SOURCE
        assert 0 < timeout <= 60
        self.asked += 1
        if isinstance(self.page, Exception):
            raise self.page
        return io.BytesIO(self.page.encode() if isinstance(self.page, str) else self.page)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The official prompt is another one here, and the user's cache is empty."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(module, 'OFFICIAL_SHA256', hashlib.sha256(THEIRS.encode()).hexdigest())
    return tmp_path / 'cache' / 'robo_dopamine'


@given(some.text())
def test_a_task_stands_wherever_it_belongs(task: str) -> None:
    parts = Prompt(THEIRS).parts(task)
    assert len(parts) == 9
    assert IMAGE.join(parts) == THEIRS.replace(TASK, task)


def test_the_practice_prompt_is_a_short_one_of_our_own() -> None:
    prompt = short_prompt()
    assert len(prompt.parts('push')) == 9
    assert not prompt.official
    assert len(prompt.text.split()) < 150


def test_pictures_and_task_must_be_there() -> None:
    with pytest.raises(ModelError, match='the prompt has <image> 7 times; it must have 8'):
        Prompt(THEIRS.replace(IMAGE, '', 1))
    with pytest.raises(ModelError, match=r'the prompt has no \{task\}; put it where'):
        Prompt(THEIRS.replace(TASK, 'task'))


@pytest.mark.parametrize(('name', 'text'), [('a.txt', THEIRS), ('b', THEIRS), ('c.py', SCRIPT)])
def test_files_are_read_and_scripts_not_run(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding='utf-8')
    prompt = read_prompt(tmp_path / name)
    assert prompt == Prompt(THEIRS)
    assert prompt.official


@pytest.mark.parametrize(
    ('name', 'content', 'told'),
    [
        ('none.txt', None, 'No such file'),
        ('a.txt', b'\xff\xfe', 'invalid start byte'),
        ('a.txt', b'Do {task}', 'has <image> 0 times; it must have 8'),
        ('a.py', b'Do {task}', 'no Python'),
        ('a.py', b'OTHER = "x"', 'no SYSTEM_PROMPT'),
        ('a.py', b'SYSTEM_PROMPT = make()', 'no SYSTEM_PROMPT'),
        ('a.py', b'SYSTEM_PROMPT = 3', 'no SYSTEM_PROMPT'),
        ('a.py', b'x = "\0"', 'no Python'),
        ('a.py', b'SYSTEM_PROMPT = "{task}"', 'has <image> 0 times'),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=told) as error:
        read_prompt(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_the_official_prompt_is_fetched_once(cache: Path) -> None:
    web = FakeOpener(SCRIPT)
    assert official_prompt(web) == official_prompt(web) == Prompt(THEIRS)
    assert web.asked == 1
    assert [path.name for path in cache.iterdir()] == ['official_prompt.txt']


@pytest.mark.parametrize('kept', [b'', b'\xff', THEIRS.encode() + b' '])
def test_a_spoilt_copy_is_fetched_again(cache: Path, kept: bytes) -> None:
    cache.mkdir(parents=True)
    (cache / 'official_prompt.txt').write_bytes(kept)
    web = FakeOpener(SCRIPT)
    assert official_prompt(web) == official_prompt(web) == Prompt(THEIRS)
    assert web.asked == 1


def test_a_cache_that_cannot_be_written_does_not_matter(cache: Path) -> None:
    cache.parent.write_text('a file where the folder should be')
    assert official_prompt(FakeOpener(SCRIPT)).official


@pytest.mark.parametrize(
    'page',
    [
        URLError('no network'),
        TimeoutError('timed out'),
        IncompleteRead(b'SYS'),
        b'\xff\xff',
        '<html>log in first</html>',
        SCRIPT[: len(SCRIPT) // 2],
        SCRIPT.replace('SYSTEM_PROMPT', 'PROMPT'),
        SCRIPT.replace(IMAGE, ''),
        SCRIPT.replace('Do', 'Please do'),
    ],
)
def test_what_cannot_be_fetched_has_a_cure(cache: Path, page: str | bytes | Exception) -> None:
    with pytest.raises(ModelError) as told:
        official_prompt(FakeOpener(page))
    assert SOURCE in str(told.value)
    assert 'and give its path as the prompt' in str(told.value)
    assert not cache.exists()


@pytest.fixture
def server() -> Iterator[str]:
    """Address of a web server that has the script."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == '/script' else 404)
            self.end_headers()
            self.wfile.write(SCRIPT.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(('127.0.0.1', 0), Answer) as host:
        threading.Thread(target=host.serve_forever, args=(0.01,)).start()
        yield f'http://127.0.0.1:{host.server_port}'
        host.shutdown()


def test_over_a_real_wire(server: str) -> None:
    with pytest.raises(ModelError, match='404'):
        official_prompt(lambda _, timeout: urlopen(f'{server}/gone', timeout=timeout))
    assert official_prompt(lambda _, timeout: urlopen(f'{server}/script', timeout=timeout)).official


def test_the_source_is_one_state_of_the_authors_repository() -> None:
    assert SOURCE.startswith('https://raw.githubusercontent.com/FlagOpen/Robo-Dopamine/')
    assert SOURCE.endswith(f'/{module.COMMIT}/examples/inference.py')
    assert len(module.COMMIT) == 40
