"""Which column of a plain feed holds which field: by name, by a usual other name, or as the settings say."""

from collections.abc import Iterable, Mapping
from typing import Any

from shopllm_rasa.catalog.feeds.records import BadRowError
from shopllm_rasa.errors import CatalogError
from shopllm_rasa.settings import CatalogColumns, CatalogSettings

FIELDS = tuple(name for name in CatalogColumns.__fields__ if name != "attributes")
ATTRIBUTE_PREFIX = "attributes."

_ALIASES = {"sku": "id", "title": "name", "category": "categories", "image_url": "image", "link": "url"}
_CODE_COLUMNS = ("gtin", "ean", "upc", "isbn", "barcode", "mpn")


class Columns:
    """Gives a row's values under the names of fields.

    Attributes:
        mapped: field, or `attributes.NAME`, to the column that the settings name for it.
    """

    def __init__(self, settings: CatalogSettings) -> None:
        columns = settings.columns.dict()
        attributes = columns.pop("attributes")
        self.mapped = {field: column for field, column in columns.items() if column is not None}
        self.mapped |= {f"{ATTRIBUTE_PREFIX}{name}": column for name, column in attributes.items()}
        self._fields: dict[str, list[str]] = {}
        for field, column in self.mapped.items():
            self._fields.setdefault(column, []).append(field)

    def check(self, header: Iterable[str], where: str) -> None:
        """Finds out whether a table has the columns that are needed.

        Raises:
            CatalogError: naming those that are missing and those found.
        """
        names = list(header)
        missing = [column for column in self._fields if column not in names]
        if missing:
            raise CatalogError(
                f"{where}: the column {' and '.join(map(repr, missing))} that catalog.columns names is missing. "
                f"Found: {', '.join(names)}."
            )
        fields = {field for name in names for field in self.fields_of(name)}
        missing = [field for field in ("name", "price") if field not in fields]
        if missing:
            raise CatalogError(
                f"{where}: the column {' and '.join(map(repr, missing))} is missing. Found: {', '.join(names)}. "
                f"Known: {', '.join(FIELDS)} and {ATTRIBUTE_PREFIX}NAME; other names can be given in catalog.columns "
                "of shopllm.yml."
            )

    def fields_of(self, column: str) -> list[str]:
        """The fields that a table's column holds, without regard to case; mostly one or none."""
        if column in self._fields:
            return self._fields[column]
        name = column.strip().lower().replace(" ", "_")
        field = name if name.startswith(ATTRIBUTE_PREFIX) else _ALIASES.get(name, name)
        if field in _CODE_COLUMNS and "codes" not in self.mapped:
            return ["codes"]
        known = field in FIELDS or field.startswith(ATTRIBUTE_PREFIX)
        return [field] if known and field not in self.mapped else []

    def named(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a JSON object by field.

        Raises:
            BadRowError: if values that have to be put together are of the wrong kind.
        """
        values: dict[str, Any] = {}
        codes: list[Any] = []
        for key, value in row.items():
            if value is None:
                continue
            if key in self._fields:
                for field in self._fields[key]:
                    self._put(values, field, value)
            elif key in _CODE_COLUMNS and "codes" not in self.mapped:
                codes.append(value)
            elif (field := _ALIASES.get(key, key)) not in self.mapped and field != "attributes":
                values[field] = value
        own = row.get("attributes")
        if own is not None:
            if not isinstance(own, dict):
                kind = type(own).__name__
                raise BadRowError(f"'attributes' is a {kind}; expected an object of names and values", "attributes")
            values["attributes"] = {**own, **values.get("attributes", {})}
        if codes:
            present = values.get("codes", [])
            values["codes"] = [*(present if isinstance(present, list) else [present]), *codes]
        return values

    @staticmethod
    def _put(values: dict[str, Any], field: str, value: Any) -> None:
        if field.startswith(ATTRIBUTE_PREFIX):
            values.setdefault("attributes", {})[field.removeprefix(ATTRIBUTE_PREFIX)] = value
        else:
            values[field] = value
