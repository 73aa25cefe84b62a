import io

import pytest

from robo_dopamine_ros.cli.console import BAR_WIDTH, StatusConsole, progress_bar


class Terminal(io.StringIO):
    encoding = 'utf-8'

    def isatty(self):
        return True


class Plain(io.StringIO):
    encoding = 'ascii'


@pytest.fixture(autouse=True)
def terminal_type(monkeypatch):
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setenv('COLUMNS', '40')
    for name in ('NO_COLOR', 'FORCE_COLOR', 'TTY_COMPATIBLE', 'TTY_INTERACTIVE'):
        monkeypatch.delenv(name, raising=False)


def test_lines_go_above_the_changing_line():
    terminal = Terminal()
    screen = StatusConsole(terminal)
    screen.status('40 %')
    screen.print('told')
    screen.end_status()
    before, _, after = terminal.getvalue().partition('\x1b[2K')
    assert '40 %' in before
    assert after.index('told\n') < after.index('40 %')


def test_elsewhere_only_some_states_are_printed():
    stream = Plain()
    screen = StatusConsole(stream, every=3)
    for i in range(7):
        screen.status(f'state {i}')
    assert stream.getvalue().split('\n') == ['state 0', 'state 3', 'state 6', '']


def test_no_colour_where_it_is_not_wanted(monkeypatch):
    def shown(stream):
        screen = StatusConsole(stream)
        screen.print(screen.bar(1.0, 'red'))
        return stream.getvalue()

    assert '\x1b[' not in shown(Plain())
    assert '\x1b[31m' in shown(Terminal())
    monkeypatch.setenv('NO_COLOR', '1')
    assert '\x1b[31m' not in shown(Terminal())


@pytest.mark.parametrize('fraction', [-1.0, 0.0, 0.3, 0.999, 1.0, 7.0])
def test_bars_keep_their_width(fraction):
    bar = StatusConsole(Terminal()).bar(fraction, 'cyan')
    assert len(bar) == BAR_WIDTH
    assert StatusConsole(Plain()).bar(fraction, 'cyan').plain.isascii()


def test_long_lines_stay_whole_and_long_states_are_cut():
    terminal = Terminal()
    screen = StatusConsole(terminal)
    screen.print('[INFO] ' + 'x' * 100)
    assert terminal.getvalue() == '[INFO] ' + 'x' * 100 + '\n'
    screen.status('y' * 100)
    screen.end_status()
    assert 'y' * 39 in terminal.getvalue()
    assert 'y' * 41 not in terminal.getvalue()


def test_a_bar_is_closed_when_all_is_done(capsys):
    with progress_bar() as show:
        show(0.0, 'reading')
        show(1.0, 'reading')
        show(0.5, 'building')
    told = capsys.readouterr()
    assert told.out == ''
    assert told.err.index('reading 100%') < told.err.index('building  50%')
