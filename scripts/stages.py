"""Runs those stages of the set-up whose inputs changed: packages, interfaces, project.

Inputs are compared by content, not by time stamps, so that a fresh clone or a touched file costs
nothing. Started by setup.sh with the interpreter of .venv, without site.
"""

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
TAG = f'{sys.version_info.major}.{sys.version_info.minor}'
PACKAGES = Path('lib') / f'python{TAG}' / 'site-packages'  # below a prefix
BUILT = ROOT / 'install' / 'robo_dopamine'
SIZES = {'bytes': 1, 'kB': 1e3, 'MB': 1e6, 'GB': 1e9}
FETCHED = re.compile(r'^\s*(Downloading|Using cached) (\S+) \(([\d.]+) (bytes|kB|MB|GB)\)')
LOCAL = re.compile(r'^\s*Processing (/\S+\.whl)')


@dataclass(frozen=True)
class Stage:
    """One step of the set-up and the files that decide whether it must run again."""

    name: str
    inputs: tuple[str, ...]  # globs under the checkout
    act: Callable[[Path], None]  # given a file for what its commands print


def digest(root: Path, paths: Iterable[Path], *facts: str) -> str:
    """Fingerprint of the files' names below `root` and contents, and of what else decides."""
    total = hashlib.sha256('\0'.join(facts).encode())
    for path in sorted(set(paths)):
        total.update(f'{path.relative_to(root)}\0'.encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def environment() -> dict[str, str]:
    """The caller's environment with .venv as its only ROS prefix."""
    foreign = ('PYTHONPATH', 'COLCON_PREFIX_PATH', 'ROS_DISTRO', '_ROS_WHEELS_BOOTSTRAP_COMPLETE')
    kept = {key: value for key, value in os.environ.items() if key not in foreign}
    path = f'{VENV}/bin{os.pathsep}{kept.get("PATH", os.defpath)}'
    prefixes = {'AMENT_PREFIX_PATH': str(VENV), 'CMAKE_PREFIX_PATH': str(VENV)}
    return {**kept, **prefixes, 'VIRTUAL_ENV': str(VENV), 'PATH': path}


def run(log: Path, *command: str | Path, on_line: Callable[[str], None] | None = None) -> None:
    """Run a command with its output in `log`; on failure show the end of it and leave."""
    words = [str(word) for word in command]
    with log.open('a') as file:
        file.write(f'$ {" ".join(words)}\n')
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=environment(),
            text=True,
            errors='replace',
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in process.stdout or ():
            file.write(line)
            if on_line:
                on_line(line)
    if process.wait():
        print(*log.read_text().splitlines()[-40:], sep='\n', file=sys.stderr)
        sys.exit(f'setup: {words[0]} failed with {process.returncode}; all of it is in {log}')


class Download:
    """Sums the sizes of the packages that pip fetches, from its output [bytes]."""

    def __init__(self) -> None:
        self.downloaded = 0.0  # over the network
        self.cached = 0.0  # from pip's cache or a local folder

    def on_line(self, line: str) -> None:
        """Add one line of pip's output; print the large wheels."""
        if match := FETCHED.match(line):
            size = float(match[3]) * SIZES[match[4]]
            self.downloaded += size if match[1] == 'Downloading' else 0.0
            self.cached += size if match[1] == 'Using cached' else 0.0
            if size > 30e6:
                print(f'setup:   {match[2].rsplit("/")[-1]} ({size / 1e6:.0f} MB)', flush=True)
        elif match := LOCAL.match(line):
            self.cached += Path(match[1]).stat().st_size


def install_packages(log: Path) -> None:
    """Install the pinned packages and make the ROS wheels usable for compiling."""
    download = Download()
    files = [f'-r{ROOT}/requirements/{name}.txt' for name in ('run', 'ros', 'build', 'dev')]
    pins = f'-c{ROOT}/requirements/lock-{TAG}.txt'
    pip = (PYTHON, '-m', 'pip', 'install', '--progress-bar=off', '--disable-pip-version-check')
    run(log, *pip, *files, pins, on_line=download.on_line)
    run(log, PYTHON, ROOT / 'scripts' / 'fix_cmake_paths.py')
    total, cached = (download.downloaded + download.cached) / 1e6, download.cached / 1e6
    if total:
        print(f'setup: {total:.0f} MB of packages, {cached:.0f} MB of them already on this machine')


def build_interfaces(log: Path) -> None:
    """Generate and compile the messages, services and actions into install/."""
    colcon = (VENV / 'bin' / 'colcon', '--log-base', ROOT / 'log', 'build')
    chosen = ('--base-paths', ROOT, '--packages-select', 'robo_dopamine', '--symlink-install')
    cmake = ('--cmake-args', f'-DPython3_EXECUTABLE={PYTHON}', '-DBUILD_TESTING=OFF')
    run(log, *colcon, *chosen, '--event-handlers', 'console_cohesion+', *cmake)


def link(target: Path, path: Path) -> None:
    """Make `path` a symbolic link to `target`, replacing an older one."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def install_project(log: Path) -> None:
    """Install the command, the code and the compiled interfaces into .venv, without sourcing.

    The start-up hook of the ROS wheels has .venv/lib on the library path already; the
    interfaces' libraries are linked there, because Fast DDS opens them by name.
    """
    pip = (PYTHON, '-m', 'pip', 'install', '--disable-pip-version-check')
    run(log, *pip, '--no-deps', '--no-build-isolation', '--editable', ROOT)
    for library in BUILT.glob('lib/librobo_dopamine__*.so'):
        link(library, VENV / 'lib' / library.name)
    link(BUILT / PACKAGES / 'robo_dopamine', VENV / PACKAGES / 'robo_dopamine')


SETUP = ('setup.py', 'setup.cfg', 'package.xml')
INSTALLED = ('msg/*', 'srv/*', 'action/*', 'config/**/*', 'launch/*', 'models/gazebo/*')
STAGES = (
    Stage(
        'packages',
        ('requirements/*.txt', 'scripts/fix_cmake_paths.py', 'scripts/stages.py'),
        install_packages,
    ),
    Stage(
        'interfaces',
        (*SETUP, 'CMakeLists.txt', *INSTALLED),
        build_interfaces,
    ),
    Stage('project', (*SETUP, 'pyproject.toml'), install_project),
)


def main(spent: float) -> None:
    """Run the stages whose inputs changed, and those after them.

    `spent` is the time used before, for system packages and the like [s].
    """
    begun, earlier = time.monotonic() - spent, f'{TAG} {ROOT}'
    ran = False
    for stage in STAGES:
        found = (path for pattern in stage.inputs for path in ROOT.glob(pattern))
        earlier = digest(ROOT, (path for path in found if path.is_file()), earlier)
        stamp = VENV / f'{stage.name}.stamp'
        if stamp.exists() and stamp.read_text() == earlier:
            continue
        print(f'setup: {stage.name} ...', flush=True)
        stamp.unlink(missing_ok=True)
        log = ROOT / 'log' / f'setup-{stage.name}.log'
        log.unlink(missing_ok=True)
        stage.act(log)
        stamp.write_text(earlier)
        ran = True
    if ran:
        print(f'setup: ready after {time.monotonic() - begun:.0f} s')


if __name__ == '__main__':
    main(float(sys.argv[1]))
