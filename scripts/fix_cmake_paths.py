"""Points the CMake files of the ROS wheels at this machine's Python and NumPy headers.

The wheels name the folders of the machine that built them; run again it changes nothing.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

BUILD_MACHINE = r'/opt/python/cp\d+-cp\d+'


def rewrite(text: str) -> str:
    """Replace the build machine's include folders by the running interpreter's."""
    numpy_headers = rf'{BUILD_MACHINE}/lib/python[\d.]+/site-packages/numpy/(_core|core)/include'
    text = re.sub(numpy_headers, lambda _: np.get_include(), text)
    python_headers = rf'{BUILD_MACHINE}/include/python[\d.]+'
    return re.sub(python_headers, lambda _: sysconfig.get_path('include'), text)


def main() -> None:
    """Rewrite every file under share/*/cmake of the running environment."""
    changed = 0
    for path in sorted(Path(sys.prefix, 'share').glob('*/cmake/*.cmake')):
        before = path.read_text()
        after = rewrite(before)
        if after != before:
            path.write_text(after)
            changed += 1
    print(f'{changed} CMake files rewritten')


if __name__ == '__main__':
    main()
