"""The worker never makes anyone wait, and never works on what is old."""

import threading

import pytest

from robo_dopamine_ros.ros.worker import Worker

PATIENCE = 5.0  # [s]


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


def busy(worker: Worker, gate: threading.Event) -> None:
    """Keep the worker at a call until the gate opens."""
    started = threading.Event()
    worker.call(lambda: (started.set(), gate.wait(PATIENCE))[0])
    assert started.wait(PATIENCE)


def test_the_newest_input_wins(gate: threading.Event) -> None:
    seen: list[int] = []
    worker = Worker(seen.append, lambda error: None)
    busy(worker, gate)
    for item in range(10):
        worker.offer(item)
    done = threading.Event()
    gate.set()
    while not seen:
        worker.call(done.set)
        assert done.wait(PATIENCE)
    assert worker.close()
    assert seen == [9]
    assert worker.replaced == 9


def test_calls_are_never_dropped_and_come_in_order_before_the_input(gate: threading.Event) -> None:
    seen: list[str] = []
    worker = Worker(seen.append, lambda error: None)
    busy(worker, gate)
    worker.offer('input')
    for name in 'abc':
        worker.call(lambda name=name: seen.append(name))
    gate.set()
    done = threading.Event()
    while len(seen) < 4:
        worker.call(done.set)
        assert done.wait(PATIENCE)
    worker.close()
    assert seen == ['a', 'b', 'c', 'input']


def test_what_waits_can_be_taken_back(gate: threading.Event) -> None:
    seen: list[int] = []
    worker = Worker(seen.append, lambda error: None)
    busy(worker, gate)
    worker.offer(1)
    worker.forget()
    gate.set()
    assert worker.close()
    assert seen == []


def test_an_exception_is_told_and_work_goes_on() -> None:
    told: list[Exception] = []
    seen = threading.Event()

    def work(item: int) -> None:
        if item == 0:
            raise RuntimeError('no model')
        seen.set()

    worker = Worker(work, told.append)
    worker.offer(0)
    while not told:
        threading.Event().wait(0.001)
    worker.offer(1)
    assert seen.wait(PATIENCE)
    assert worker.close()
    assert str(told[0]) == 'no model'


def test_closing_finishes_calls_and_drops_the_input(gate: threading.Event) -> None:
    seen: list[str] = []
    worker = Worker(seen.append, lambda error: None)
    busy(worker, gate)
    worker.offer('input')
    worker.call(lambda: seen.append('call'))
    threading.Timer(0.05, gate.set).start()
    assert worker.close()
    assert seen == ['call']


def test_closing_tells_when_work_does_not_end(gate: threading.Event) -> None:
    worker = Worker(lambda item: None, lambda error: None)
    busy(worker, gate)
    assert not worker.close(patience=0.01)
    gate.set()
