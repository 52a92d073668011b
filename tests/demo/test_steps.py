import io
import re

import pytest
from rich.console import Console

from shopllm_rasa.demo.steps import Steps


@pytest.fixture
def screen():
    return io.StringIO()


@pytest.fixture
def steps(screen):
    return Steps(Console(file=screen, highlight=False, width=40))


def test_a_step_says_its_duration(steps, screen):
    with steps.step("Building [the] index", reason="feed.csv changed"):
        pass
    first, second = screen.getvalue().splitlines()
    assert first == "  Building [the] index (feed.csv changed) ..."
    assert re.fullmatch(r"✓ Building \[the\] index \(\d\.\d s\)", second)


def test_a_step_that_fails_is_not_announced_as_done(steps, screen):
    with pytest.raises(ValueError), steps.step("Building"):
        raise ValueError
    assert "✓" not in screen.getvalue()


def test_a_long_path_stays_in_one_line(steps, screen):
    steps.notice("/a/very/long/path" * 10)
    assert len(screen.getvalue().splitlines()) == 1


def test_on_a_terminal_the_clock_runs_and_one_line_stays(screen):
    steps = Steps(Console(file=screen, force_terminal=True, highlight=False))
    with steps.step("Training the bot"):
        pass
    assert "✓ Training the bot" in screen.getvalue().splitlines()[-1]
