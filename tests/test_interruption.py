import signal
import threading

import pytest

from jaxlm.interruption import Interruption, watch_signals

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("name", SIGNALS)
def test_outside_the_loop_a_signal_stops_at_once(name):
    with watch_signals() as interruption, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(name)
    assert interruption.requested is None


@pytest.mark.parametrize("name", SIGNALS)
def test_inside_the_loop_the_first_is_noted_and_the_second_stops_at_once(name):
    with watch_signals() as interruption, interruption.defer():
        signal.raise_signal(name)
        assert interruption.requested == name.name
        for second in SIGNALS:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(second)
        assert interruption.requested == name.name


def test_after_the_loop_a_signal_stops_at_once_again():
    with watch_signals() as interruption:
        with interruption.defer():
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_a_loop_that_fails_no_longer_defers():
    interruption = Interruption()
    with pytest.raises(RuntimeError), interruption.defer():
        raise RuntimeError
    with pytest.raises(KeyboardInterrupt):
        interruption.handle(signal.SIGTERM, None)


def test_the_old_handlers_come_back_even_after_an_error():
    def mine(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with pytest.raises(RuntimeError), watch_signals():
            assert signal.getsignal(signal.SIGTERM) is not mine
            raise RuntimeError
        assert signal.getsignal(signal.SIGTERM) is mine
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_signals_are_left_alone():
    handlers = []

    def watch():
        with watch_signals() as interruption:
            handlers.append(signal.getsignal(signal.SIGTERM))
            assert interruption.requested is None

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert handlers == [signal.SIG_DFL]
