import numpy as np
import pytest

from shopllm_rasa.errors import RecommendationError
from shopllm_rasa.recommendation import Report, evaluate
from shopllm_rasa.recommendation.evaluation import Figure
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

from .conftest import event


@pytest.fixture(scope="module")
def report(two_worlds: list[Event]) -> Report:
    return evaluate(two_worlds, RecommendationSettings(min_customers=3, collaborative_min_pairs=100))


def test_finds_structure_that_is_there(report: Report) -> None:
    lines = {line.name: line for line in report.lines}
    # Ten products of a world less four bought already: ours ought to know which half to look in.
    assert lines["ours"].hit_rate.mean > 0.9
    assert lines["bought most often"].hit_rate.mean < 0.8
    gain = lines["bought most often"].gain
    assert gain is not None
    assert gain.low > 0
    assert lines["ours"].gain is None


def test_counts(report: Report) -> None:
    assert (report.events, report.customers, report.cases) == (1000, 200, 200)
    assert report.validation_cases >= 50
    assert report.validation_from < report.test_from
    assert (report.newcomers, report.unknown, report.with_content) == (0, 0, False)
    assert report.dimensions in (16, 64, 0)


def test_the_future_tells_nothing(two_worlds: list[Event]) -> None:
    """Where purchases are pure chance, no way is better than chance."""
    random = np.random.default_rng(0)
    events = [
        event(f"C-{number}", f"P-{random.integers(100)}", "purchase", 7 * week + float(random.random()))
        for number in range(200)
        for week in range(5)
    ]
    report = evaluate(events, RecommendationSettings(min_customers=3, collaborative_min_pairs=100))
    for line in report.lines:
        assert line.hit_rate.mean < 0.2, line.name


def test_too_few_purchases(settings: RecommendationSettings) -> None:
    events = [event(f"C-{n}", "P", "purchase", n) for n in range(20)]
    with pytest.raises(RecommendationError, match="at least 50 are needed for a figure that means anything"):
        evaluate(events, settings)


def test_an_interval() -> None:
    figure = Figure.of(np.array([0.0, 1.0] * 200))
    assert figure.mean == 0.5
    assert 0.43 < figure.low < 0.47 < 0.53 < figure.high < 0.57
