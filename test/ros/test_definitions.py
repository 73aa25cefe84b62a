"""Interfaces, topics, entry points and their documents agree."""

import configparser
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from robo_dopamine_ros.ros import topics

ROOT = Path(__file__).parents[2]
INTERFACES = sorted(p for kind in ('msg', 'srv', 'action') for p in ROOT.glob(f'{kind}/*.{kind}'))


def test_generated_documents_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / 'scripts' / 'generate_docs.py'), '--check']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize('path', INTERFACES, ids=lambda path: path.name)
def test_every_interface_is_built_and_every_field_commented(path: Path) -> None:
    assert str(path.relative_to(ROOT)) in (ROOT / 'CMakeLists.txt').read_text()
    module = importlib.import_module(f'robo_dopamine.{path.parent.name}')
    assert hasattr(module, path.stem)
    lines = [line for line in path.read_text().splitlines() if line.strip() and line != '---']
    assert lines[0].startswith('# ')
    assert not [line for line in lines if not re.search(r'# \S', line)]


def test_names_of_topics_and_services_are_different_and_relative() -> None:
    names = [topic.name for topic in (*topics.TOPICS, *topics.SERVICES)]
    assert len(set(names)) == len(names)
    assert [name for name in names if name.startswith('/')] == ['/diagnostics']


def test_one_name_of_a_view_gives_its_topics() -> None:
    assert topics.camera_topic('front').name == 'front/image_raw'
    assert topics.camera_topic('front', 'compressed').name == 'front/image_raw/compressed'
    with pytest.raises(KeyError):
        topics.camera_topic('front', 'theora')


def test_entry_points_exist() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    scripts = config['options.entry_points']['console_scripts'].strip().splitlines()
    assert len(set(scripts)) == len(scripts)
    for script in scripts:
        module, _, function = script.partition('=')[2].strip().partition(':')
        assert callable(getattr(importlib.import_module(module), function)), script
