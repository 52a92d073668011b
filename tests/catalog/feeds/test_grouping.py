from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.catalog.feeds import grouping
from shopllm_rasa.catalog.feeds.grouping import Groups, Identities


def rows_of(groups: Groups) -> list[tuple[int, list[tuple[int, dict[str, object]]]]]:
    return list(groups)


@given(st.lists(st.sampled_from(["a", "b", "c", "ü"])))
def test_groups_come_in_the_order_of_their_first_rows(keys: list[str]) -> None:
    groups = Groups()
    for line, key in enumerate(keys):
        groups.add(key, line, {"key": key, "price": Decimal("1.10")})
    found = rows_of(groups)
    assert [rows[0][1]["key"] for _, rows in found] == list(dict.fromkeys(keys))
    for count, rows in found:
        assert len(rows) == count
        assert [line for line, _ in rows] == [line for line, key in enumerate(keys) if key == rows[0][1]["key"]]
        assert all(row["price"] == Decimal("1.10") for _, row in rows)


def test_another_name_of_a_group() -> None:
    groups = Groups()
    groups.add("id:7", 1, {})
    groups.add("HOOD", 2, {})
    groups.name("id:7", "HOOD")
    groups.name("id:7", "OTHER")
    groups.add("OTHER", 3, {})
    assert [[line for line, _ in rows] for _, rows in rows_of(groups)] == [[1, 2], [3]]


def test_a_group_gives_no_more_than_its_limit(monkeypatch) -> None:
    monkeypatch.setattr(grouping, "MAX_GROUP_ROWS", 3)
    groups = Groups()
    for line in range(10):
        groups.add("a", line, {})
    ((count, rows),) = rows_of(groups)
    assert (count, len(rows)) == (10, 3)


def test_ids() -> None:
    identities = Identities()
    assert identities.take("a", 3) is None
    assert identities.take("b", 4) is None
    assert identities.take("a", 9) == 3
    assert [identities.times("x"), identities.times("y"), identities.times("x")] == [1, 1, 2]


def test_a_product_of_too_many_rows(read_text, monkeypatch) -> None:
    for module in ("variants", "grouping"):
        monkeypatch.setattr(f"shopllm_rasa.catalog.feeds.{module}.MAX_GROUP_ROWS", 3)
    rows = "".join(f"shirt,{name},9,S-{number}\n" for number, name in enumerate(["Shirt", "", "", "", ""]))
    text = f"Handle,Title,Variant Price,Variant SKU,Vendor\n{rows}mug,Mug,5,M-1,\n".replace("\n", ",\n").replace(
        ",,\n", ",\n"
    )
    lines = [line.rstrip(",").split(",") for line in text.splitlines()]
    text = "\n".join(",".join((line + [""] * 5)[:5]) for line in lines)
    for number in range(6):
        text += f"\nextra-{number},Extra,5,E-{number},"
    products, report = read_text(text)
    assert "mug" in products
    assert "shirt" not in products
    assert "the product has 5 rows; at most 3 are allowed" in str(report.problems[0])
