import pytest

from shopllm_rasa.demo.fingerprints import Record, fingerprint_files


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "project"
    (folder / "pages" / "more").mkdir(parents=True)
    (folder / "feed.csv").write_text("name,price")
    (folder / "pages" / "returns.md").write_text("# Returns")
    (folder / "pages" / "more" / "sizes.md").write_text("# Sizes")
    return folder


def fingerprint(folder):
    return fingerprint_files([folder / "feed.csv", folder / "pages", folder / "missing"], folder)


def test_every_file_below_the_folders_counts_by_its_relative_name(inputs):
    assert sorted(fingerprint(inputs)) == ["feed.csv", "pages/more/sizes.md", "pages/returns.md"]


def test_a_moved_project_stays_the_same(inputs):
    before = fingerprint(inputs)
    moved = inputs.rename(inputs.parent / "moved")
    assert fingerprint(moved) == before


def test_compiled_files_do_not_count(inputs):
    before = fingerprint(inputs)
    (inputs / "pages" / "__pycache__").mkdir()
    (inputs / "pages" / "__pycache__" / "x.pyc").write_text("")
    assert fingerprint(inputs) == before


def test_without_a_change_there_is_no_difference(inputs, tmp_path):
    record = Record(tmp_path / "record.json")
    record.write(fingerprint(inputs))
    assert record.difference(fingerprint(inputs)) is None


def test_a_changed_file_is_named(inputs, tmp_path):
    record = Record(tmp_path / "record.json")
    record.write(fingerprint(inputs))
    (inputs / "feed.csv").write_text("name,price\nLamp,10")
    assert record.difference(fingerprint(inputs)) == "feed.csv changed"


def test_new_and_removed_files_are_differences(inputs, tmp_path):
    record = Record(tmp_path / "record.json")
    record.write(fingerprint(inputs))
    (inputs / "pages" / "returns.md").rename(inputs / "pages" / "exchanges.md")
    assert record.difference(fingerprint(inputs)) == "pages/exchanges.md and 1 more changed"


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null"])
def test_without_a_readable_record_it_is_built_again(inputs, tmp_path, text):
    file = tmp_path / "record.json"
    if text is not None:
        file.write_text(text)
    assert Record(file).difference(fingerprint(inputs)) == "there is none yet"
