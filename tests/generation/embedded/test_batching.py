import threading
from collections.abc import Sequence

import pytest

from shopllm_rasa.generation.embedded.batching import Batcher


def test_those_who_wait_are_served_together_and_each_gets_their_own() -> None:
    sizes: list[int] = []
    started, go_on = threading.Event(), threading.Event()

    def run(numbers: Sequence[int]) -> list[int]:
        sizes.append(len(numbers))
        started.set()
        assert go_on.wait(10)
        return [number * 2 for number in numbers]

    batcher: Batcher[int, int] = Batcher(run, size=4)
    results: dict[int, int] = {}

    def ask(number: int) -> None:
        results[number] = batcher(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(7)]
    threads[0].start()
    assert started.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(batcher._waiting) < 6:
        pass
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert results == {number: number * 2 for number in range(7)}
    assert sizes == [1, 4, 2]


def test_an_error_reaches_the_caller_and_the_next_one_is_served() -> None:
    def run(numbers: Sequence[int]) -> list[int]:
        if numbers[0] < 0:
            raise ValueError("negative")
        return list(numbers)

    batcher: Batcher[int, int] = Batcher(run)
    with pytest.raises(ValueError, match="negative"):
        batcher(-1)
    assert batcher(3) == 3
