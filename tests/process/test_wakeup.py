"""A wakeup ends a wait, from signal handlers and threads, and never deadlocks."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from ledger.process.wakeup import Wakeup


@pytest.fixture
def wakeup():
    """A wakeup, closed again."""
    made = Wakeup()
    yield made
    made.close()


def test_one_that_has_rung_is_not_waited_for(wakeup):
    """Ringing before the wait counts."""
    wakeup.notify()
    started = time.monotonic()

    wakeup.wait(30)

    assert time.monotonic() - started < 5


def test_many_rings_are_one(wakeup):
    """However often it rang, it is heard once."""
    for _ in range(100_000):
        wakeup.notify()
    while_ringing = time.monotonic()
    wakeup.wait(30)
    assert time.monotonic() - while_ringing < 5


def test_a_storm_of_signals_does_not_lock_it(wakeup):
    """A handler that rings it, again and again while it is waited for, is no trouble.

    With a threading.Event in its place this hangs.
    """
    before = signal.signal(signal.SIGUSR1, lambda *_: wakeup.notify())
    over = threading.Event()

    def storm() -> None:
        for _ in range(3000):
            os.kill(os.getpid(), signal.SIGUSR1)
        over.set()

    thread = threading.Thread(target=storm)
    thread.start()
    while not over.is_set():
        wakeup.wait(0.01)
    thread.join()
    signal.signal(signal.SIGUSR1, before)
