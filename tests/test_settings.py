from collections.abc import Callable
from pathlib import Path

import pytest

from shopllm_rasa.errors import SettingsError
from shopllm_rasa.settings import SETTINGS_ENV, Settings

WriteSettings = Callable[..., Path]
SECTIONS = ", ".join(name for name in Settings.__fields__ if name != "folder")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment nor the working folder names settings."""
    monkeypatch.delenv(SETTINGS_ENV, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def write(tmp_path: Path) -> WriteSettings:
    def write_file(text: str | bytes, name: str = "shopllm.yml") -> Path:
        path = tmp_path / "bot" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write_file


def message(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(path)
    return str(caught.value)


class TestDefaults:
    def test_without_a_file(self, tmp_path: Path) -> None:
        settings = Settings.load()
        assert settings == Settings()
        assert settings.folder == tmp_path / "work"
        assert settings.retrieval.products_shown == 5
        assert settings.generation.backend == "embedded"
        assert settings.generation.openai.api_key is None
        assert settings.encoder.model == "default"
        assert settings.index_dir == tmp_path / "work" / ".shopllm" / "index"

    @pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
    def test_of_an_empty_file(self, write: WriteSettings, text: str) -> None:
        path = write(text)
        assert Settings.load(path) == Settings(folder=path.parent)

    def test_settings_do_not_change(self) -> None:
        with pytest.raises(TypeError):
            Settings().retrieval.passages = 7  # type: ignore[misc]


class TestWhichFile:
    def test_the_one_of_the_working_folder(self, tmp_path: Path) -> None:
        (tmp_path / "work" / "shopllm.yml").write_text("shop: {name: Here}")
        assert Settings.load().shop.name == "Here"

    def test_the_environment_stands_before_it(
        self, tmp_path: Path, write: WriteSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "work" / "shopllm.yml").write_text("shop: {name: Here}")
        monkeypatch.setenv(SETTINGS_ENV, str(write("shop: {name: There}")))
        assert Settings.load().shop.name == "There"
        assert Settings.load(write("shop: {name: Named}", "named.yml")).shop.name == "Named"

    def test_one_that_does_not_exist(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "nowhere.yml"
        assert message(path) == f"The settings file '{path}' does not exist."
        monkeypatch.setenv(SETTINGS_ENV, str(path))
        with pytest.raises(SettingsError, match=r"nowhere\.yml' does not exist"):
            Settings.load()


class TestCatalog:
    def test_how_a_feed_is_read(self, write: WriteSettings) -> None:
        path = write("catalog: {format: csv, columns: {name: Titel, attributes: {colour: Farbe}}, decimal: ','}")
        catalog = Settings.load(path).catalog
        assert (catalog.format, catalog.decimal_sign, catalog.on_error) == ("csv", ",", "skip")
        assert (catalog.columns.name, catalog.columns.price) == ("Titel", None)
        assert catalog.columns.attributes == {"colour": "Farbe"}
        assert catalog.has_columns
        assert not Settings().catalog.has_columns
        assert Settings().catalog.decimal_sign is None

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("catalog: {fromat: csv}", "unknown key 'catalog.fromat'. Known keys: format, columns, decimal, on_error."),
            ("catalog: {columns: {titel: x}}", "unknown key 'catalog.columns.titel'. Known keys: name, price, id,"),
            ("catalog: {columns: {name: ''}}", "'catalog.columns.name': ensure this value has at least 1 characters"),
            ("catalog: {format: excel}", "'catalog.format': unexpected value; permitted: 'auto', 'jsonl', 'csv'"),
            ("catalog: {decimal: ';'}", "'catalog.decimal': unexpected value; permitted: 'auto', '.', ','"),
            (
                "catalog: {format: shopify, columns: {name: x}}",
                "'catalog.columns': columns can be named for the formats jsonl and csv; format is shopify",
            ),
        ],
    )
    def test_wrong_values(self, write: WriteSettings, text: str, reason: str) -> None:
        assert reason in message(write(text))


class TestPaths:
    def test_relative_paths_start_at_the_file(self, write: WriteSettings) -> None:
        path = write("paths: {index: built/index, database: 'sqlite:///data/shop.sqlite'}")
        settings = Settings.load(path)
        assert settings.index_dir == path.parent / "built" / "index"
        assert settings.resolve(settings.paths.catalog) == path.parent / "data" / "catalog" / "products.jsonl"
        assert settings.database_url == f"sqlite:///{path.parent}/data/shop.sqlite"

    def test_a_relative_file_name_gives_absolute_paths(
        self, write: WriteSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write("paths: {index: idx}")
        monkeypatch.chdir(path.parent.parent)
        assert Settings.load(Path("bot/shopllm.yml")).index_dir == path.parent / "idx"

    @pytest.mark.parametrize("url", ["sqlite:////data/shop.sqlite", "sqlite:///:memory:", "postgresql://u@db/shop"])
    def test_absolute_ones_stay(self, write: WriteSettings, url: str) -> None:
        settings = Settings.load(write(f"paths: {{index: /data/index, knowledge: null, database: '{url}'}}"))
        assert settings.index_dir == Path("/data/index")
        assert settings.paths.knowledge is None
        assert settings.database_url == url


class TestEnvironment:
    def test_variables_are_put_in(self, write: WriteSettings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOP", "Vale")
        monkeypatch.setenv("SHOWN", "7")
        settings = Settings.load(
            write("shop: {name: 'The ${SHOP} and ${SHOP}'}\nretrieval: {products_shown: '${SHOWN}'}\n# ${UNSET}\n")
        )
        assert settings.shop.name == "The Vale and Vale"
        assert settings.retrieval.products_shown == 7

    def test_a_missing_one_is_named_with_its_key(self, write: WriteSettings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        path = write("generation:\n  openai:\n    api_key: ${NO_SUCH_KEY}\n")
        assert message(path) == (
            f"{path}: 'generation.openai.api_key' uses the environment variable NO_SUCH_KEY, which is not set."
        )

    @pytest.mark.parametrize("text", ["$HOME", "$", "${", "${}", "${1A}", "costs 5$"])
    def test_other_dollar_signs_stay(self, write: WriteSettings, text: str) -> None:
        assert Settings.load(write(f"shop: {{name: '{text}'}}")).shop.name == text


class TestWrongFiles:
    @pytest.mark.parametrize(
        ("text", "key", "known"),
        [
            ("retreival: {}", "retreival", SECTIONS),
            ("retrieval: {passage: 3}", "retrieval.passage", "products_shown, passages, min_product_score, reranker"),
            (
                "generation: {openai: {url: x}}",
                "generation.openai.url",
                "base_url, model, api_key, timeout_seconds, retries, max_tokens, total_seconds, stream,"
                " breaker_failures, breaker_seconds",
            ),
            ("folder: /tmp", "folder", SECTIONS),
            ("1: x", "1", SECTIONS),
            ("on: x", "True", SECTIONS),
            ("shop: {no: x}", "shop.False", "name, email, phone, currency"),
        ],
    )
    def test_unknown_keys_name_the_known_ones(self, write: WriteSettings, text: str, key: str, known: str) -> None:
        path = write(text)
        assert message(path) == f"{path}: unknown key '{key}'. Known keys: {known}."

    @pytest.mark.parametrize(
        ("text", "key", "reasons"),
        [
            ("retrieval: {passages: many}", "retrieval.passages", ["integer", "knowledge passages a reply may use"]),
            ("retrieval: {passages: 0}", "retrieval.passages", ["greater than or equal to 1"]),
            ("retrieval: {passages: 21}", "retrieval.passages", ["less than or equal to 20"]),
            ("retrieval: {min_product_score: 2}", "retrieval.min_product_score", ["less than or equal to 1"]),
            ("retrieval: 5", "retrieval", ["dict"]),
            ("shop: {currency: euro}", "shop.currency", ["ISO 4217"]),
            ("shop: {name: ''}", "shop.name", ["at least 1 characters", "the shop's name"]),
            ("generation: {backend: magic}", "generation.backend", ["'extractive', 'openai'"]),
            ("generation: {fallbacks: [openai, magic]}", "generation.fallbacks.1", ["'extractive', 'openai'"]),
            ("generation: {openai: {base_url: 'ftp://x'}}", "generation.openai.base_url", ["up to and with /v1"]),
            ("generation: {openai: {timeout_seconds: 0}}", "generation.openai.timeout_seconds", ["greater than 0"]),
            ("encoder: {threads: [1]}", "encoder.threads", ["integer", "CPU threads"]),
            ("paths: {index: 5}", "paths.index", ["path", "the index directory"]),
        ],
    )
    def test_wrong_values(self, write: WriteSettings, text: str, key: str, reasons: list[str]) -> None:
        path = write(text)
        assert message(path).startswith(f"{path}: '{key}': ")
        for reason in reasons:
            assert reason in message(path)

    def test_all_problems_are_named_at_once(self, write: WriteSettings) -> None:
        path = write("retrieval: {passages: 0, shown: 1}\nshop: {currency: e}\n")
        lines = message(path).splitlines()
        assert len(lines) == 3
        assert all(line.startswith(f"{path}: ") for line in lines)

    @pytest.mark.parametrize(("text", "line"), [("shop:\n  name: [", 2), ("shop: a: b", 1), ("a: 1\n\tb: 2", 2)])
    def test_not_yaml(self, write: WriteSettings, text: str, line: int) -> None:
        path = write(text)
        assert message(path).startswith(f"{path}, line {line}")
        assert message(path).endswith(": this is not valid YAML.")

    def test_a_date_that_does_not_exist(self, write: WriteSettings) -> None:
        path = write("shop: {name: 2026-02-30}")
        assert message(path).startswith(f"{path}: this is not valid YAML: ")

    def test_control_signs(self, write: WriteSettings) -> None:
        path = write("shop: {name: \x00}")
        assert message(path) == f"{path}: this is not valid YAML."

    @pytest.mark.parametrize(("text", "kind"), [("- a", "list"), ("5", "int"), ("hello", "str")])
    def test_no_mapping(self, write: WriteSettings, text: str, kind: str) -> None:
        path = write(text)
        assert message(path) == f"{path}: expected a mapping of keys at the top, found a {kind}."

    def test_another_encoding(self, write: WriteSettings) -> None:
        path = write("shop: {name: Café}".encode("latin-1"))
        assert message(path) == f"{path}: the file is not UTF-8."

    def test_yaml_runs_no_code(self, write: WriteSettings, tmp_path: Path) -> None:
        path = write(f"shop: !!python/object/apply:pathlib.Path.touch [{tmp_path / 'touched'}]")
        assert "this is not valid YAML" in message(path)
        assert not (tmp_path / "touched").exists()
