import threading

import pytest

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.breaker import CircuitBreaker
from shopllm_rasa.generation.gate import Gate


def test_a_full_backend_turns_calls_away_and_the_next_has_room() -> None:
    gate = Gate(slots=1, waiting=0)
    with gate.entered("openai"):
        with pytest.raises(GenerationError, match="its queue is full"), gate.entered("openai"):
            pass
        with gate.entered("transformers"):
            pass
    with gate.entered("openai"):
        pass


def test_who_waits_gets_the_slot_that_becomes_free() -> None:
    gate = Gate(slots=1, waiting=1, seconds=30)
    inside, leave, entered = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with gate.entered("openai"):
            inside.set()
            leave.wait(30)

    def second() -> None:
        with gate.entered("openai"):
            entered.set()

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert inside.wait(30)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    assert not entered.wait(0.1)
    leave.set()
    assert entered.wait(30)
    for thread in threads:
        thread.join()


def test_nobody_waits_for_ever() -> None:
    gate = Gate(slots=1, waiting=1, seconds=0.05)
    with (
        gate.entered("openai"),
        pytest.raises(GenerationError, match=r"busy for 0\.05 seconds"),
        gate.entered("openai"),
    ):
        pass


def test_a_failure_gives_its_slot_back() -> None:
    gate = Gate(slots=1, waiting=0)
    with pytest.raises(ZeroDivisionError), gate.entered("openai"):
        raise ZeroDivisionError
    with gate.entered("openai"):
        pass


class TestCircuitBreaker:
    def test_it_opens_after_failures_in_a_row(self) -> None:
        breaker = CircuitBreaker(2, 60)
        breaker.failed()
        breaker.succeeded()
        breaker.failed()
        assert breaker.allows()
        breaker.failed()
        assert not breaker.allows()

    def test_after_the_pause_one_call_tries(self) -> None:
        breaker = CircuitBreaker(1, 0.01)
        breaker.failed()
        threading.Event().wait(0.02)
        breaker = self._slow(breaker)
        assert breaker.allows()
        assert not breaker.allows()
        breaker.succeeded()
        assert breaker.allows()

    @staticmethod
    def _slow(breaker: CircuitBreaker) -> CircuitBreaker:
        """From now on its pause is long, so that the second call cannot come after it."""
        breaker._seconds = 60
        return breaker

    def test_zero_failures_keep_it_closed(self) -> None:
        breaker = CircuitBreaker(0, 60)
        for _ in range(50):
            breaker.failed()
        assert breaker.allows()
