"""Pins every dependency of the packages in requirements/, for one version of Python.

Usage: lock.py PYTHON, for each of CPython 3.10, 3.11 and 3.12. Packages of one build of PyTorch
(CPU or CUDA) are not pinned.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[1] / 'requirements'
OF_ONE_BUILD = ('cuda-', 'nvidia-', 'triton')


def resolved(python: str, folder: Path) -> dict[str, str]:
    """Package names and versions that pip would install into an empty environment."""
    files = [f'-r{REQUIREMENTS / name}.txt' for name in ('run', 'ros', 'build', 'dev')]
    report = folder / 'report.json'
    subprocess.run([python, '-m', 'venv', folder / 'venv'], check=True)
    pip: list[str | Path] = [folder / 'venv' / 'bin' / 'python', '-m', 'pip', '--quiet', 'install']
    subprocess.run([*pip, '--upgrade', 'pip'], check=True)
    subprocess.run([*pip, '--dry-run', '--report', report, *files], check=True)
    packages = [entry['metadata'] for entry in json.loads(report.read_text())['install']]
    return {package['name'].lower(): package['version'] for package in packages}


def main(python: str) -> None:
    """Write the lock file that belongs to this interpreter's version."""
    tag = 'import sys; print("%d.%d" % sys.version_info[:2])'
    tag = subprocess.check_output([python, '-c', tag], text=True).strip()
    with tempfile.TemporaryDirectory() as folder:
        packages = resolved(python, Path(folder))
    lines = [
        f'{name}=={version.partition("+")[0]}'
        for name, version in sorted(packages.items())
        if not name.startswith(OF_ONE_BUILD)
    ]
    lock = REQUIREMENTS / f'lock-{tag}.txt'
    lock.write_text(f'# Written by `make lock` for CPython {tag}.\n' + '\n'.join(lines) + '\n')
    print(f'{lock}: {len(lines)} packages')


if __name__ == '__main__':
    main(sys.argv[1])
