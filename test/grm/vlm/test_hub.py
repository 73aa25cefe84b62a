"""Downloads from a model hub that runs inside the test."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.published.hub import find_checkpoint

COMMIT = '0123456789abcdef0123456789abcdef01234567'
FILES = {'config.json': b'{}', 'model.safetensors': b'x' * 5000, 'notes.md': b'not wanted'}


class FakeHub(BaseHTTPRequestHandler):
    """Serves the one model 'lab/grm'; 'lab/gated' is closed, and nothing else is known."""

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.partition('?')[0]
        name = path.rpartition('/')[2]
        if path.startswith('/api/models/lab/gated'):
            self.answer(403, b'{}', X_Error_Code='GatedRepo')
        elif path.startswith('/api/models/lab/grm/revision/'):
            self.answer(200, json.dumps({'id': 'lab/grm', 'sha': COMMIT, 'siblings': []}).encode())
        elif path.startswith('/api/models/lab/grm/tree/'):
            tree = [
                {'type': 'file', 'path': path, 'size': len(body), 'oid': path.encode().hex()}
                for path, body in FILES.items()
            ]
            self.answer(200, json.dumps(tree).encode(), Content_Type='application/json')
        elif path.startswith('/lab/grm/resolve/') and name in FILES:
            etag = name.encode().hex()
            self.answer(200, FILES[name], ETag=f'"{etag}"', X_Repo_Commit=COMMIT)
        else:
            self.answer(404, b'{}', X_Error_Code='RepoNotFound')

    do_HEAD = do_GET


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a hub; what comes from it is kept in a folder of the test."""
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_CACHE', str(tmp_path / 'cache'))
    server = ThreadingHTTPServer(('127.0.0.1', 0), FakeHub)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    thread.join()
    server.server_close()


def ignore(share: float, what: str) -> None:
    pass


def test_a_name_is_downloaded_once(hub: str, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[float, str]] = []
    folder = find_checkpoint('lab/grm', lambda *word: told.append(word), hub)
    assert {path.name for path in folder.iterdir()} == {'config.json', 'model.safetensors'}
    assert (folder / 'model.safetensors').read_bytes() == FILES['model.safetensors']
    assert told[-1] == (1.0, 'downloading')
    assert capfd.readouterr() == ('', '')
    assert (
        find_checkpoint('lab/grm', ignore, 'http://127.0.0.1:9') == folder
    )  # nobody answers there


def test_a_name_that_the_hub_does_not_know(hub: str) -> None:
    with pytest.raises(
        ModelError, match="'lab/other' is no folder here, and the hub knows no such"
    ):
        find_checkpoint('lab/other', ignore, hub)


def test_a_model_behind_a_gate(hub: str) -> None:
    with pytest.raises(
        ModelError, match="'lab/gated' only to those whom its owner lets in.*log in"
    ):
        find_checkpoint('lab/gated', ignore, hub)


def test_no_hub_in_reach(hub: str) -> None:
    with pytest.raises(ModelError, match='the hub does not answer .*connect this machine once'):
        find_checkpoint('lab/grm', ignore, 'http://127.0.0.1:9')


@pytest.mark.parametrize('name', ['no/such/folder', '/nowhere', 'grm 3b/x'])
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(ModelError, match='is no folder, and no name on the hub'):
        find_checkpoint(name, ignore, 'http://127.0.0.1:9')


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / 'model.safetensors').touch()
    with pytest.raises(ModelError, match='is a file; give the folder'):
        find_checkpoint(tmp_path / 'model.safetensors', ignore)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path, ignore) == tmp_path
