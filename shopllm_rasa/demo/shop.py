"""Which shop the demo serves: the repository's own, or one of the user's files."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shopllm_rasa.errors import CatalogError, DemoError, KnowledgeError, ShopDataError
from shopllm_rasa.settings import SETTINGS_ENV, SETTINGS_FILE, Settings
from shopllm_rasa.storage import write_text

# What an own shop takes over from the repository's settings: how to search and answer, not what.
_SHARED_SECTIONS = ("catalog", "encoder", "retrieval", "vectors", "recommendation", "generation")


@dataclass(frozen=True)
class Shop:
    """A shop and where its things lie, all paths absolute.

    Attributes:
        settings_file: what the child processes read as SHOPLLM_CONFIG.
        settings: the same, loaded.
        folder: where the trained model lies.
        customers: customers to import, or None.
        orders: orders to import, or None.
        events: what customers did, to import, or None.
    """

    settings_file: Path
    settings: Settings
    folder: Path
    customers: Path | None
    orders: Path | None
    events: Path | None = None

    @property
    def catalog(self) -> Path:
        """The product feed."""
        return self.settings.resolve(self.settings.paths.catalog)

    @property
    def knowledge(self) -> Path | None:
        """The folder of pages, or None."""
        pages = self.settings.paths.knowledge
        return None if pages is None else self.settings.resolve(pages)


@dataclass(frozen=True)
class OwnShop:
    """What a user gives to see the demo with another shop; paths may be relative."""

    catalog: Path | None = None
    knowledge: Path | None = None
    customers: Path | None = None
    orders: Path | None = None
    name: str | None = None


def choose_shop(project: Path, work_dir: Path, own: OwnShop) -> Shop:
    """Gives the shop to serve; for an own one a settings file is written.

    Args:
        project: the repository's root, absolute.
        work_dir: the demo's folder, absolute.
        own: the user's files; without a catalogue it is the repository's shop.

    Raises:
        ShopLLMError: if files do not fit together or do not exist.
    """
    _check_options(own)
    file = Path(os.environ.get(SETTINGS_ENV) or project / SETTINGS_FILE).resolve()
    base = Settings.load(file)
    if own.catalog is None:
        data = project / "data" / "shop"
        customers, orders, events = data / "customers.json", data / "orders.json", data / "events.csv"
        complete = customers.is_file() and orders.is_file()
        shop = Shop(
            file,
            base,
            work_dir,
            customers if complete else None,
            orders if complete else None,
            events if events.is_file() else None,
        )
    else:
        folder = work_dir / _folder_name(own)
        file = write_settings(folder, own, file)
        shop = Shop(file, Settings.load(file), folder, _absolute(own.customers), _absolute(own.orders))
    _check_files(shop)
    return shop


def write_settings(folder: Path, own: OwnShop, base: Path) -> Path:
    """Writes the settings file of an own shop.

    Args:
        folder: where the file, the index and the database lie.
        own: the user's files.
        base: the settings file whose sections of `_SHARED_SECTIONS` are taken over as they stand, with
            their `${NAME}` not replaced, so that no secret gets into the new file.

    Returns:
        The file.
    """
    shared = yaml.safe_load(base.read_text(encoding="utf-8")) or {}
    knowledge = _absolute(own.knowledge)
    values: dict[str, Any] = {
        "shop": {"name": own.name or "our shop"},
        "paths": {
            "catalog": str(_absolute(own.catalog)),
            "knowledge": str(knowledge) if knowledge else None,
            "index": str(folder / "index"),
            "database": f"sqlite:///{folder / 'shop.sqlite'}",
            "behaviour": str(folder / "behaviour.safetensors"),
        },
        **{name: shared[name] for name in _SHARED_SECTIONS if shared.get(name)},
    }
    prompts = values.get("generation", {}).get("prompts")
    if prompts and not prompts.startswith("${"):
        values["generation"] = {**values["generation"], "prompts": str(base.parent / prompts)}
    file = folder / SETTINGS_FILE
    write_text(file, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    return file


def _check_options(own: OwnShop) -> None:
    if (own.customers is None) != (own.orders is None):
        raise DemoError("--customers and --orders go together; one of them is missing.")
    given = {
        "--knowledge": own.knowledge,
        "--customers": own.customers,
        "--orders": own.orders,
        "--name": own.name,
    }
    without_catalog = [option for option, value in given.items() if value]
    if own.catalog is None and without_catalog:
        raise DemoError(f"{without_catalog[0]} describes a shop of your own and needs --catalog (or CATALOG) as well.")


def _check_files(shop: Shop) -> None:
    """Finds a wrong path now and not after minutes of building."""
    if not shop.catalog.is_file():
        raise CatalogError(f"The product feed '{shop.catalog}' does not exist.")
    if shop.knowledge and not shop.knowledge.is_dir():
        raise KnowledgeError(f"The folder of knowledge pages '{shop.knowledge}' does not exist.")
    for kind, file in (("customers", shop.customers), ("orders", shop.orders)):
        if file and not file.is_file():
            raise ShopDataError(f"The file of {kind} '{file}' does not exist.")


def _folder_name(own: OwnShop) -> str:
    places = f"{_absolute(own.catalog)}\n{_absolute(own.knowledge)}"
    return f"shop-{hashlib.sha256(places.encode()).hexdigest()[:12]}"


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().resolve()
