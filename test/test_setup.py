"""The set-up scripts, on trees and machines made up here."""

import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / 'requirements'
BUILT_AT = '/opt/python/cp3{minor}-cp3{minor}'
HEADERS = (
    f'"{BUILT_AT}/include/python3.{{minor}};'
    f'{BUILT_AT}/lib/python3.{{minor}}/site-packages/numpy/{{core}}/include"'
)


def script(name: str) -> dict:
    return runpy.run_path(str(ROOT / 'scripts' / name))


@pytest.mark.parametrize(('minor', 'core'), [(10, 'core'), (11, '_core'), (12, '_core')])
def test_cmake_paths_are_rewritten_once(tmp_path: Path, minor: int, core: str) -> None:
    fix = script('fix_cmake_paths.py')['fix']
    exported = tmp_path / 'share/std_msgs/cmake/std_msgsExport.cmake'
    exported.parent.mkdir(parents=True)
    exported.write_text(f'  INCLUDE {HEADERS.format(minor=minor, core=core)}\n')
    untouched = exported.with_name('std_msgsConfig.cmake')
    untouched.write_text('set(std_msgs_FOUND TRUE)\n')
    assert fix(tmp_path, r'/usr/include/\1', '/venv/numpy/include') == [exported]
    assert exported.read_text() == '  INCLUDE "/usr/include/\\1;/venv/numpy/include"\n'
    assert fix(tmp_path, r'/usr/include/\1', '/venv/numpy/include') == []
    assert untouched.read_text() == 'set(std_msgs_FOUND TRUE)\n'


def test_fingerprint_is_of_names_and_contents_not_of_times(tmp_path: Path) -> None:
    digest = script('stages.py')['digest']
    one, two = tmp_path / 'one.msg', tmp_path / 'two.msg'
    one.write_text('bool a\n')
    two.write_text('bool b\n')
    before = digest(tmp_path, [one, two], '3.11')
    os.utime(one, (0, 0))
    assert digest(tmp_path, [two, one, one], '3.11') == before
    assert digest(tmp_path, [one, two], '3.12') != before
    two.rename(tmp_path / 'three.msg')
    assert digest(tmp_path, [one, tmp_path / 'three.msg'], '3.11') != before


def test_download_is_added_up_from_what_pip_says(tmp_path: Path) -> None:
    wheel = tmp_path / 'local-1.0-py3-none-any.whl'
    wheel.write_bytes(b'x' * 1000)
    download = script('stages.py')['Download']()
    for line in (
        'Collecting numpy==2.4.6\n',
        '  Downloading numpy-2.4.6.whl.metadata (62 kB)\n',
        'Downloading numpy-2.4.6.whl (16.5 MB)\n',
        'Using cached tqdm-4.70.1.whl (78 kB)\n',
        f'Processing {wheel}\n',
        'Requirement already satisfied: pip in ./lib (23.2.1)\n',
    ):
        download.on_line(line)
    assert download.downloaded == pytest.approx(16.5e6 + 62e3)
    assert download.cached == pytest.approx(78e3 + 1000)


@pytest.mark.parametrize('tag', ['3.10', '3.11', '3.12'])
def test_lock_files_agree_with_the_pins(tag: str) -> None:
    text = (REQUIREMENTS / f'lock-{tag}.txt').read_text()
    locked = dict(line.split('==') for line in text.splitlines() if not line.startswith('#'))
    for name in ('run', 'ros', 'build', 'dev'):
        for line in (REQUIREMENTS / f'{name}.txt').read_text().splitlines():
            if line.startswith('#') or (tag == '3.10') == ("python_version >= '3.11'" in line):
                continue
            if tag != '3.10' and "python_version < '3.11'" in line:
                continue
            pin = re.match(r'([\w.-]+)(?:\[\w+\])?==([\w.]+)', line)
            assert pin, f'{name}.txt: {line!r} pins no version'
            assert locked[pin[1].lower()] == pin[2]


class Computer:
    """A made-up machine: nothing is on PATH but the tools named and what a test puts there."""

    TOOLS = ('bash', 'cat', 'dirname', 'flock', 'grep', 'mkdir', 'sed', 'tail', 'uname')

    def __init__(self, folder: Path) -> None:
        self.bin = folder / 'bin'
        self.bin.mkdir()
        for tool in self.TOOLS:
            path = shutil.which(tool)
            assert path, f'this test needs {tool}'
            (self.bin / tool).symlink_to(path)
        self.checkout = folder / 'checkout'
        shutil.copytree(ROOT / 'scripts', self.checkout / 'scripts')

    def put(self, name: str, body: str) -> None:
        """Give the machine a command."""
        path = self.bin / name
        path.write_text(f'#!{self.bin}/bash\n{body}\n')
        path.chmod(0o755)

    def set_up(self) -> subprocess.CompletedProcess[str]:
        """Run the set-up as somebody would who types make setup."""
        script = self.checkout / 'scripts' / 'setup.sh'
        env = {'PATH': str(self.bin)}
        return subprocess.run([self.bin / 'bash', script], env=env, capture_output=True, text=True)


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_missing_system_packages_are_named(computer: Computer) -> None:
    computer.put('ldconfig', 'echo libGL.so.1')
    done = computer.set_up()
    assert done.returncode == 1
    assert 'g++ libegl1' in done.stderr
    assert 'libgl1 ' not in done.stderr
    assert 'python3 python3-dev python3-venv' in done.stderr


def test_interpreters_that_do_not_start_are_passed_over(computer: Computer) -> None:
    computer.put('python3.11', 'echo "python3.11: command not found" >&2; exit 127')
    done = computer.set_up()
    assert 'python3-venv' in done.stderr


def test_other_computers_are_sent_to_the_documentation(computer: Computer) -> None:
    (computer.bin / 'uname').unlink()
    computer.put('uname', 'echo Linux aarch64')
    done = computer.set_up()
    assert done.returncode == 1
    assert 'docs/install.md' in done.stderr
