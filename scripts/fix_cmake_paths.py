"""Rewrites the CMake files of the ROS 2 wheels to this machine's Python and NumPy headers.

The wheels name folders of the machine they were built on, so that nothing compiles against them as
installed. Run it with the interpreter they are installed for; a second run changes nothing.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

BUILD_MACHINE = r'/opt/python/cp\d+-cp\d+'
PYTHON = re.compile(BUILD_MACHINE + r'/include/python3\.\d+')
NUMPY = re.compile(BUILD_MACHINE + r'/lib/python3\.\d+/site-packages/numpy/_?core/include')


def rewritten(text: str, python_include: str, numpy_include: str) -> str:
    """Return the text of a CMake file with both header folders replaced."""
    text = PYTHON.sub(lambda _: python_include, text)
    return NUMPY.sub(lambda _: numpy_include, text)


def fix(prefix: Path, python_include: str, numpy_include: str) -> list[Path]:
    """Rewrite the exported CMake files under `prefix`; return those that changed."""
    changed = []
    for path in sorted(prefix.glob('share/*/cmake/*.cmake')):
        before = path.read_text()
        after = rewritten(before, python_include, numpy_include)
        if after != before:
            path.write_text(after)
            changed.append(path)
    return changed


if __name__ == '__main__':
    headers = sysconfig.get_paths()['include'], np.get_include()
    print(len(fix(Path(sys.prefix), *headers)), 'CMake files rewritten')
