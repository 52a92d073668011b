import pytest
import yaml

from shopllm_rasa.demo.shop import OwnShop, choose_shop
from shopllm_rasa.errors import CatalogError, DemoError, KnowledgeError, SettingsError, ShopDataError
from shopllm_rasa.settings import SETTINGS_ENV, Settings

BASE = """
shop:
  name: Juniper & Vale
  currency: GBP
encoder:
  threads: 3
generation:
  backend: openai
  prompts: prompts
  openai:
    api_key: ${DEMO_TEST_KEY}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv(SETTINGS_ENV, raising=False)
    monkeypatch.setenv("DEMO_TEST_KEY", "a-secret")
    folder = tmp_path / "project"
    (folder / "data" / "catalog").mkdir(parents=True)
    (folder / "data" / "knowledge").mkdir()
    (folder / "data" / "catalog" / "products.jsonl").write_text("{}")
    (folder / "shopllm.yml").write_text(BASE)
    return folder


@pytest.fixture
def feed(tmp_path):
    file = tmp_path / "my feed.csv"
    file.write_text("name,price\nLamp,10\n")
    return file


def choose(project, **own):
    return choose_shop(project, project / ".shopllm" / "demo", OwnShop(**own))


def test_without_a_catalogue_it_is_the_repositorys_shop(project):
    shop = choose(project)
    assert shop.settings_file == project / "shopllm.yml"
    assert shop.settings.shop.name == "Juniper & Vale"
    assert shop.catalog == project / "data/catalog/products.jsonl"
    assert (shop.customers, shop.orders) == (None, None)


def test_the_repositorys_orders_are_imported_where_they_are(project):
    data = project / "data" / "shop"
    data.mkdir()
    for name in ("customers.json", "orders.json"):
        (data / name).write_text("[]")
    shop = choose(project)
    assert (shop.customers, shop.orders) == (data / "customers.json", data / "orders.json")


def test_an_own_shop_gets_settings_that_load(project, feed):
    shop = choose(project, catalog=feed, name="Lamps & Co")
    loaded = Settings.load(shop.settings_file)
    assert loaded == shop.settings
    assert loaded.shop.name == "Lamps & Co"
    assert loaded.shop.currency == "EUR"
    assert loaded.paths.catalog == feed
    assert loaded.paths.knowledge is None
    assert loaded.index_dir.parent == shop.folder == shop.settings_file.parent
    assert loaded.database_url == f"sqlite:///{shop.folder}/shop.sqlite"


def test_an_own_shop_searches_and_answers_as_the_repositorys_settings_say(project, feed):
    shop = choose(project, catalog=feed)
    assert shop.settings.shop.name == "our shop"
    assert shop.settings.encoder.threads == 3
    assert shop.settings.generation.openai.api_key == "a-secret"
    assert shop.settings.generation.prompts == project / "prompts"


def test_an_own_feed_is_read_as_the_repositorys_settings_say(project, feed):
    feed.write_text("Titel;Preis\nLampe;1.299\n")
    with (project / "shopllm.yml").open("a") as stream:
        stream.write("\ncatalog: {columns: {name: Titel, price: Preis}, decimal: ','}\nvectors: {store: flat}\n")
    settings = choose(project, catalog=feed).settings
    assert (settings.catalog.columns.name, settings.catalog.decimal_sign) == ("Titel", ",")
    assert settings.vectors.store == "flat"


def test_no_secret_is_written(project, feed):
    text = choose(project, catalog=feed).settings_file.read_text()
    assert "a-secret" not in text
    assert yaml.safe_load(text)["generation"]["openai"]["api_key"] == "${DEMO_TEST_KEY}"


def test_relative_paths_become_absolute(project, feed, monkeypatch):
    monkeypatch.chdir(feed.parent)
    (feed.parent / "pages").mkdir()
    relative = type(feed)
    shop = choose(project, catalog=relative(feed.name), knowledge=relative("pages"))
    assert shop.catalog == feed
    assert shop.knowledge == feed.parent / "pages"


def test_another_catalogue_or_other_pages_have_a_folder_of_their_own(project, feed, tmp_path):
    (tmp_path / "pages").mkdir()
    other = tmp_path / "other.csv"
    other.write_text(feed.read_text())
    shops = [
        choose(project, catalog=feed),
        choose(project, catalog=feed, name="another name"),
        choose(project, catalog=feed, knowledge=tmp_path / "pages"),
        choose(project, catalog=other),
    ]
    folders = [shop.folder for shop in shops]
    assert folders[0] == folders[1]
    assert len(set(folders)) == 3


@pytest.mark.parametrize(
    ("own", "error", "words"),
    [
        ({"catalog": "missing.csv"}, CatalogError, "missing.csv' does not exist"),
        ({"catalog": "feed", "knowledge": "missing"}, KnowledgeError, "missing' does not exist"),
        ({"catalog": "feed", "orders": "o.json"}, DemoError, "--customers and --orders go together"),
        ({"catalog": "feed", "orders": "o", "customers": "c"}, ShopDataError, "customers .*does not exist"),
        ({"knowledge": "pages"}, DemoError, "--knowledge describes a shop of your own and needs --catalog"),
        ({"name": "x"}, DemoError, "--name describes"),
        ({"catalog": "feed", "name": "x" * 99}, SettingsError, "shop.name"),
    ],
)
def test_a_wrong_choice_is_one_sentence(project, feed, tmp_path, own, error, words):
    paths = {
        key: value if key == "name" else feed if value == "feed" else tmp_path / value for key, value in own.items()
    }
    with pytest.raises(error, match=words) as caught:
        choose(project, **paths)
    assert "\n" not in str(caught.value)


def test_a_project_without_settings_says_so(project):
    (project / "shopllm.yml").unlink()
    with pytest.raises(SettingsError, match="does not exist"):
        choose(project)
