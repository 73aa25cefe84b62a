"""The worker: callers never wait, and only the newest input is processed."""

import threading

import pytest

from robo_dopamine_ros.ros.worker import Worker

PATIENCE = 5.0  # [s]


@pytest.fixture
def event() -> threading.Event:
    return threading.Event()


def busy(worker: Worker, event: threading.Event) -> None:
    """Block the worker in a call until the event is set."""
    started = threading.Event()
    worker.call(lambda: (started.set(), event.wait(PATIENCE))[0])
    assert started.wait(PATIENCE)


def test_the_newest_input_replaces_older_ones(event: threading.Event) -> None:
    seen: list[int] = []
    worker = Worker(seen.append, lambda error: None)
    busy(worker, event)
    for item in range(10):
        worker.offer(item)
    done = threading.Event()
    event.set()
    while not seen:
        worker.call(done.set)
        assert done.wait(PATIENCE)
    assert worker.close()
    assert seen == [9]
    assert worker.dropped == 9


def test_calls_are_never_dropped_and_come_in_order_before_the_input(event: threading.Event) -> None:
    seen: list[str] = []
    worker = Worker(seen.append, lambda error: None)
    busy(worker, event)
    worker.offer('input')
    for name in 'abc':
        worker.call(lambda name=name: seen.append(name))
    event.set()
    done = threading.Event()
    while len(seen) < 4:
        worker.call(done.set)
        assert done.wait(PATIENCE)
    worker.close()
    assert seen == ['a', 'b', 'c', 'input']


def test_a_waiting_input_can_be_discarded(event: threading.Event) -> None:
    seen: list[int] = []
    worker = Worker(seen.append, lambda error: None)
    busy(worker, event)
    worker.offer(1)
    worker.discard()
    event.set()
    assert worker.close()
    assert seen == []


def test_an_exception_is_reported_and_the_worker_continues() -> None:
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


def test_closing_finishes_calls_and_drops_the_input(event: threading.Event) -> None:
    seen: list[str] = []
    worker = Worker(seen.append, lambda error: None)
    busy(worker, event)
    worker.offer('input')
    worker.call(lambda: seen.append('call'))
    threading.Timer(0.05, event.set).start()
    assert worker.close()
    assert seen == ['call']


def test_close_returns_false_when_work_does_not_end(event: threading.Event) -> None:
    worker = Worker(lambda item: None, lambda error: None)
    busy(worker, event)
    assert not worker.close(patience=0.01)
    event.set()
