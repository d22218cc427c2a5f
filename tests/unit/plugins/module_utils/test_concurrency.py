"""What runs beside what, and what becomes of it when something fails."""

import threading

import pytest

from ansible_collections.ouseful.coursevm.plugins.module_utils.concurrency import Background, concurrently

PATIENCE = 10  # seconds


def test_results_come_in_order_and_no_more_run_at_a_time_than_asked():
    running, most, lock, together = 0, 0, threading.Lock(), threading.Barrier(2)

    def square(number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(PATIENCE)
        with lock:
            running -= 1
        return number**2

    assert concurrently(square, range(6), 2) == [0, 1, 4, 9, 16, 25]
    assert most == 2
    assert concurrently(square, [], 2) == []


def test_the_caller_goes_on_meanwhile():
    gate, done = threading.Event(), []
    with Background(2) as background:
        background.start(lambda: (gate.wait(PATIENCE), done.append("in the background")))
        done.append("the caller")
        gate.set()
    assert done == ["the caller", "in the background"]


def test_one_at_a_time_means_that_the_caller_waits():
    done = []
    with Background(1) as background:
        background.start(done.append, "asked first")
        done.append("the caller")
    assert done == ["asked first", "the caller"]


def fail():
    raise ValueError("of the function")


def test_what_was_raised_is_raised_at_the_end():
    with pytest.raises(ValueError, match="of the function"), Background(2) as background:
        background.start(fail)


def test_after_an_exception_nothing_more_is_begun():
    begun, gate = threading.Semaphore(0), threading.Event()

    def work():
        begun.release()
        gate.wait(PATIENCE)

    background = Background(2)
    with pytest.raises(KeyboardInterrupt), background:
        for _time in range(5):
            background.start(work)
        assert all(begun.acquire(timeout=PATIENCE) for _worker in range(2))
        threading.Timer(0.1, gate.set).start()
        raise KeyboardInterrupt
    assert not begun.acquire(blocking=False)
