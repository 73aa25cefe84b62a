import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.cli.screen import BLOCKS, COLOUR, Screen, cut


class Terminal(io.StringIO):
    encoding = 'utf-8'

    def isatty(self):
        return True


class Plain(io.StringIO):
    encoding = 'ascii'


def test_lines_go_above_the_changing_line(monkeypatch):
    monkeypatch.setenv('TERM', 'xterm')
    terminal = Terminal()
    screen = Screen(terminal)
    screen.status('40 %')
    screen.line('told')
    assert terminal.getvalue() == '40 %\r\033[2Ktold\n40 %'


def test_elsewhere_only_some_states_are_printed():
    stream = Plain()
    screen = Screen(stream, every=3)
    for i in range(7):
        screen.status(f'state {i}')
    assert stream.getvalue().split('\n') == ['state 0', 'state 3', 'state 6', '']


def test_no_colour_where_it_is_not_wanted(monkeypatch):
    assert Screen(Plain()).paint('x', 'red') == 'x'
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.delenv('NO_COLOR', raising=False)
    assert Screen(Terminal()).paint('x', 'red') == '\033[31mx\033[0m'
    monkeypatch.setenv('NO_COLOR', '1')
    assert Screen(Terminal()).paint('x', 'red') == 'x'


@pytest.mark.parametrize('fraction', [-1.0, 0.0, 0.3, 0.999, 1.0, 7.0])
def test_bars_keep_their_width(fraction):
    bar = Screen(Terminal()).bar(fraction, 10)
    assert len(bar) == 10
    assert set(bar) <= set(BLOCKS)
    assert bar.count('█') == int(max(0, min(1, fraction)) * 10 + 0.01 * (fraction == 0.999))
    assert Screen(Plain()).bar(fraction, 10).isascii()


@given(st.lists(st.sampled_from(['\033[31m', '\033[0m', 'reward', ' ', '█'])), st.integers(0, 30))
def test_cutting_counts_only_what_is_seen(parts, width):
    text = ''.join(parts)
    seen = COLOUR.sub('', cut(text, width))
    assert seen == COLOUR.sub('', text)[:width]
    assert COLOUR.findall(cut(text, width)) == COLOUR.findall(text)
