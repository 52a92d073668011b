import pytest

from shopllm_rasa.insights import AspectOpinions, Opinion, Review, ReviewStore, aspects_of
from shopllm_rasa.insights.aspects import count_opinions


@pytest.mark.parametrize(
    ("text", "aspects"),
    [
        ("headphones with a long battery life", ("battery",)),
        ("a QUIET coffee grinder that's easy to clean", ("noise", "cleaning")),
        ("a gift for my dad", ()),
        ("", ()),
    ],
)
def test_aspects_of(text: str, aspects: tuple[str, ...]) -> None:
    assert aspects_of(text) == aspects


def opinions(rating: int, text: str) -> dict[str, tuple[int, int]]:
    return {name: (o.complaints, o.praises) for name, o in count_opinions([Review("K", rating, "", text)]).items()}


@pytest.mark.parametrize(
    ("rating", "text", "found"),
    [
        (1, "Battery died after six weeks.", {"battery": (1, 0), "durability": (1, 0)}),
        (2, "Squeaks. The sound is great.", {"noise": (1, 0), "sound": (0, 1)}),
        (3, "Loud speaker, decent battery", {"noise": (1, 0), "battery": (1, 0)}),
        (3, "The heel is so comfortable but the sole broke.", {"comfort": (0, 1), "durability": (1, 0)}),
        (5, "Quiet on floorboards.", {"noise": (0, 1)}),
        (5, "No wet feet since.", {}),
        (5, "They don't pinch.", {}),
        (4, "Battery could be better, but the screen is lovely", {"battery": (0, 1), "picture": (0, 1)}),
        (1, "Came late.", {}),
    ],
)
def test_one_review(rating: int, text: str, found: dict[str, tuple[int, int]]) -> None:
    assert opinions(rating, text) == found


def test_a_review_counts_once_for_an_aspect() -> None:
    assert opinions(1, "Loud. Very loud. Noisy!") == {"noise": (1, 0)}


def test_the_share_of_complaints_is_shrunk() -> None:
    assert Opinion(1, 0).complaint_share == pytest.approx(1 / 3)
    assert Opinion(0, 5).complaint_share == 0
    assert Opinion(98, 0).complaint_share == pytest.approx(0.98)


def test_by_product() -> None:
    store = AspectOpinions(ReviewStore([Review("K", 1, "Loud", "Wakes the house."), Review("L", 5, "", "Quiet.")]))
    assert store.of("K") == {"noise": Opinion(1, 0)}
    assert store.of("L") == {"noise": Opinion(0, 1)}
    assert store.of("M") == {}
