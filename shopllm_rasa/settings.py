"""The one settings object, read from `shopllm.yml`.

Values may name environment variables as Rasa's own files do: `${NAME}`.
Relative paths are relative to the folder of the settings file.
"""

import os
import re
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Extra, Field, ValidationError, root_validator, validator

from shopllm_rasa.errors import SettingsError

SETTINGS_FILE = "shopllm.yml"
SETTINGS_ENV = "SHOPLLM_CONFIG"

BackendName = Literal["embedded", "extractive", "openai", "transformers"]

_ENV_PATTERN = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Section(BaseModel):
    class Config:
        extra = Extra.forbid
        allow_mutation = False
        validate_all = True


class ShopSettings(_Section):
    """Who the shop is; used in replies that offer a person."""

    name: str = Field(default="our shop", min_length=1, max_length=80, description="the shop's name, used in replies")
    email: str | None = Field(default=None, description="where customers can write to")
    phone: str | None = Field(default=None, description="where customers can call")
    currency: str = Field(default="EUR", regex="^[A-Z]{3}$", description="ISO 4217 code for products without one")


class PathSettings(_Section):
    """Where the shop's data and what is built from it lie."""

    catalog: Path = Field(default=Path("data/catalog/products.jsonl"), description="product feed")
    knowledge: Path | None = Field(
        default=Path("data/knowledge"), description="folder of pages (markdown, HTML, PDF, FAQ as CSV), or null"
    )
    reviews: Path | None = Field(default=None, description="reviews as JSONL, or null")
    index: Path = Field(default=Path(".shopllm/index"), description="the index directory")
    database: str = Field(
        default="sqlite:///.shopllm/shop.sqlite", description="SQLAlchemy URL of customers, orders and events"
    )
    behaviour: Path = Field(
        default=Path(".shopllm/behaviour.safetensors"), description="what was learned from customers' events"
    )


class CatalogColumns(_Section):
    """The columns of a plain feed (JSONL or CSV) whose names are not the usual ones."""

    name: str | None = Field(default=None, min_length=1, description="the column of the product's name")
    price: str | None = Field(default=None, min_length=1, description="the column of the price")
    id: str | None = Field(default=None, min_length=1, description="the column of the shop's own identifier (SKU)")
    brand: str | None = Field(default=None, min_length=1, description="the column of the maker")
    categories: str | None = Field(default=None, min_length=1, description="the column of the path of categories")
    currency: str | None = Field(default=None, min_length=1, description="the column of the currency's code")
    description: str | None = Field(default=None, min_length=1, description="the column of the description")
    stock: str | None = Field(default=None, min_length=1, description="the column of the pieces on hand")
    rating: str | None = Field(default=None, min_length=1, description="the column of the mean rating, 0 to 5")
    rating_count: str | None = Field(default=None, min_length=1, description="the column of the number of ratings")
    image: str | None = Field(default=None, min_length=1, description="the column of the picture's address")
    url: str | None = Field(default=None, min_length=1, description="the column of the product page's address")
    popularity: str | None = Field(
        default=None, min_length=1, description="the column of any number, higher sells better"
    )
    sale_price: str | None = Field(default=None, min_length=1, description="the column of the reduced price")
    codes: str | None = Field(default=None, min_length=1, description="the column of GTIN, MPN and the like")
    item_group_id: str | None = Field(default=None, min_length=1, description="the column that variants share")
    attributes: dict[str, str] = Field(default={}, description="name of the attribute to column")


class CatalogSettings(_Section):
    """How the product feed is read."""

    format: Literal["auto", "jsonl", "csv", "shopify", "woocommerce", "magento", "google_merchant"] = Field(
        default="auto", description="the feed's format; auto tells it from the file"
    )
    columns: CatalogColumns = CatalogColumns()
    decimal: Literal["auto", ".", ","] = Field(default="auto", description="the decimal sign of prices in text")
    on_error: Literal["skip", "stop"] = Field(default="skip", description="what a bad row does: skip or stop")

    @validator("columns")
    def _columns_of_plain_feeds(cls, value: CatalogColumns, values: dict[str, Any]) -> CatalogColumns:
        chosen = values.get("format")
        if value != CatalogColumns() and chosen not in (None, "auto", "jsonl", "csv"):
            raise ValueError(f"columns can be named for the formats jsonl and csv; format is {chosen}")
        return value

    @property
    def has_columns(self) -> bool:
        """Whether columns are named, which makes a table a plain one."""
        return self.columns != CatalogColumns()

    @property
    def decimal_sign(self) -> str | None:
        """The decimal sign; None where it has to be told from the text."""
        return None if self.decimal == "auto" else self.decimal


class EncoderSettings(_Section):
    """The sentence encoder that products, pages and questions are embedded with."""

    model: str = Field(default="default", description="'default' (bundled MiniLM), a Hugging Face name, or a folder")
    threads: int = Field(default=2, ge=1, le=64, description="CPU threads a query may use")


class RetrievalSettings(_Section):
    """How much is retrieved and shown."""

    products_shown: int = Field(default=5, ge=1, le=10, description="product cards in one reply")
    passages: int = Field(default=4, ge=1, le=20, description="knowledge passages a reply may use")
    min_product_score: float = Field(
        default=0.25, ge=0, le=1, description="cosine below which a product is not a match for what was asked"
    )
    reranker: str | None = Field(
        default=None,
        min_length=1,
        description="a cross-encoder that reads the best products again: a Hugging Face name, a folder, or null",
    )


class MilvusSettings(_Section):
    """A Milvus server or cluster, or a file of Milvus Lite."""

    uri: str = Field(
        default="http://localhost:19530",
        regex=r"^(https?://.+|.+\.db)$",
        description="a server's address (http:// or https://), or a path that ends in .db for Milvus Lite",
    )
    token: str | None = Field(default=None, description="user:password or an API key, usually ${MILVUS_TOKEN}")
    database: str = Field(default="default", min_length=1, description="the database on that server")
    collection: str = Field(
        default="shopllm_products",
        regex="^[A-Za-z_][A-Za-z0-9_]{0,99}$",
        description="what the names of this index's collections begin with: letters, digits, underscores",
    )
    timeout_seconds: float = Field(default=2.0, gt=0, le=60, description="for one try of a search")
    write_timeout_seconds: float = Field(default=60.0, gt=0, le=3600, description="for one try of writing a batch")
    retries: int = Field(default=1, ge=0, le=5, description="further tries of what failed")
    batch_rows: int = Field(default=1000, ge=1, le=5000, description="products sent at once")
    shards: int = Field(default=1, ge=1, le=64, description="parts that a new collection's writes are spread over")

    @property
    def is_file(self) -> bool:
        """Whether this is a file of Milvus Lite rather than a server."""
        return not self.uri.startswith(("http://", "https://"))


class VectorSettings(_Section):
    """Where the products' vectors are searched; see docs/search.md."""

    store: Literal["auto", "flat", "ivf", "milvus"] = Field(
        default="auto",
        description="auto (by size), flat (an exact scan), ivf (an inverted file, for many products) or milvus",
    )
    precision: Literal["auto", "fp32", "int8"] = Field(
        default="auto",
        description="how products are embedded: auto (int8 for many, where it gives nearly the same), fp32 or int8",
    )
    milvus: MilvusSettings = MilvusSettings()


class RecommendationSettings(_Section):
    """What customers' events count, and how recommendations are made of them."""

    view_weight: float = Field(default=1.0, ge=0, le=100, description="what a view counts")
    cart_weight: float = Field(default=3.0, ge=0, le=100, description="what putting into the cart counts")
    purchase_weight: float = Field(default=5.0, gt=0, le=100, description="what a purchase counts")
    rating_weight: float = Field(
        default=4.0, ge=0, le=100, description="what five stars count; one star counts as much against a product"
    )
    half_life_days: float = Field(default=30.0, gt=0, le=3650, description="days after which an event counts a half")
    session_decay: float = Field(
        default=0.8, gt=0, le=1, description="what each earlier product of the conversation counts of the one after it"
    )
    max_history: int = Field(default=50, ge=1, le=500, description="products of a customer's past that count")
    hide_bought_days: int = Field(
        default=180, ge=0, le=36500, description="days in which a purchase is not shown again"
    )
    min_customers: int = Field(
        default=5, ge=2, le=1000, description="different customers behind everything that is told of others"
    )
    min_lift: float = Field(
        default=1.5, ge=1, le=1000, description="how many times oftener than by chance products are bought together"
    )
    collaborative_min_pairs: int = Field(
        default=2000, ge=1, description="pairs of customer and product from which the collaborative model is fitted"
    )
    diversity: float = Field(default=0.2, ge=0, lt=1, description="share of variety against relevance in a list")


class OpenAISettings(_Section):
    """An OpenAI-compatible server (OpenAI, vLLM, Ollama, llama.cpp)."""

    base_url: str = Field(default="http://localhost:11434/v1", regex="^https?://", description="up to and with /v1")
    model: str = Field(default="llama3.2", min_length=1, description="the model's name on that server")
    api_key: str | None = Field(default=None, description="usually ${OPENAI_API_KEY}")
    timeout_seconds: float = Field(default=8.0, gt=0, le=120, description="for one try")
    retries: int = Field(default=1, ge=0, le=5, description="further tries after 429, 5xx or a lost connection")
    max_tokens: int = Field(default=300, ge=16, le=2000, description="upper limit of a reply")
    total_seconds: float = Field(default=15.0, gt=0, le=120, description="for all tries and pauses together")
    stream: bool = Field(default=True, description="receive the reply piece by piece")
    breaker_failures: int = Field(
        default=5, ge=0, le=100, description="failures in a row after which it is left alone; 0 for never"
    )
    breaker_seconds: float = Field(default=30.0, gt=0, le=3600, description="how long it is left alone")


class TransformersSettings(_Section):
    """A language model in this process, by Hugging Face transformers."""

    model: str = Field(default="Qwen/Qwen2.5-0.5B-Instruct", min_length=1, description="a hub name or a folder")
    revision: str | None = Field(default=None, description="a commit, tag or branch of a hub model")
    device: str = Field(default="auto", regex=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, cuda or mps")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="number format of the weights; auto takes the model's own, float32 on a CPU"
    )
    quantization: Literal["none", "int8", "int4"] = Field(
        default="none", description="int8 works on a CPU; int4 needs a GPU and bitsandbytes"
    )
    max_tokens: int = Field(default=200, ge=16, le=2000, description="upper limit of a reply")
    max_prompt_tokens: int = Field(default=3000, ge=128, le=100_000, description="a longer prompt is refused")
    batch_size: int = Field(default=8, ge=1, le=64, description="waiting requests that are computed together")
    timeout_seconds: float = Field(default=15.0, gt=0, le=120, description="for one reply, waiting included")
    threads: int | None = Field(default=None, ge=1, le=256, description="CPU threads, or null for torch's choice")


class EmbeddedSettings(_Section):
    """The generator that ships with the package."""

    model: Path | None = Field(
        default=None, description="a folder made by make train-generator, or null: the shipped one"
    )
    threads: int = Field(default=2, ge=1, le=64, description="CPU threads a reply may use")


class GenerationSettings(_Section):
    """What composes a reply from the retrieved passages."""

    backend: BackendName = Field(default="embedded", description="what replies")
    fallbacks: tuple[BackendName, ...] = Field(default=(), description="what replies when the backend cannot, in order")
    answer_threshold: float = Field(
        default=0.45,
        ge=0,
        le=1,
        description="support below which the bot says it does not know; see docs/answers.md",
    )
    prompts: Path | None = Field(default=None, description="a folder whose prompt files replace the shipped ones")
    concurrency: int = Field(default=8, ge=1, le=256, description="replies a backend composes at the same time")
    waiting: int = Field(default=16, ge=0, le=1000, description="replies that may wait; beyond it the next backend")
    wait_seconds: float = Field(default=5.0, gt=0, le=30, description="how long a reply waits for its turn at most")
    cached_replies: int = Field(default=500, ge=0, le=100_000, description="replies kept in memory, 0 for none")
    embedded: EmbeddedSettings = EmbeddedSettings()
    openai: OpenAISettings = OpenAISettings()
    transformers: TransformersSettings = TransformersSettings()


class MetricsSettings(_Section):
    """Prometheus metrics of generated replies."""

    host: str = Field(default="127.0.0.1", description="address that metrics are served at")
    port: int | None = Field(default=None, ge=1, le=65535, description="port of /metrics, or null for none")


class Settings(_Section):
    """All settings. `Settings()` alone is a working default.

    Example:
        >>> Settings.load("shopllm.yml").retrieval.products_shown
        5
    """

    shop: ShopSettings = ShopSettings()
    paths: PathSettings = PathSettings()
    catalog: CatalogSettings = CatalogSettings()
    encoder: EncoderSettings = EncoderSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    vectors: VectorSettings = VectorSettings()
    recommendation: RecommendationSettings = RecommendationSettings()
    generation: GenerationSettings = GenerationSettings()
    metrics: MetricsSettings = MetricsSettings()
    folder: Path = Field(default=Path(), description="set by load(): the folder relative paths start from")

    @validator("folder", always=True)
    def _absolute_folder(cls, value: Path) -> Path:
        return value.resolve()

    @root_validator(skip_on_failure=True)
    def _absolute_file_of_milvus(cls, values: dict[str, Any]) -> dict[str, Any]:
        vectors = values["vectors"]
        if vectors.milvus.is_file:
            milvus = vectors.milvus.copy(update={"uri": str(values["folder"] / vectors.milvus.uri)})
            values["vectors"] = vectors.copy(update={"milvus": milvus})
        return values

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Settings":
        """Reads settings from a file.

        Args:
            path: the file; by default what `SHOPLLM_CONFIG` names, else `shopllm.yml`
                in the working folder, else the defaults.

        Returns:
            The validated settings.

        Raises:
            SettingsError: naming the file, the key and what is allowed.
        """
        named = path or os.environ.get(SETTINGS_ENV)
        file = Path(named) if named else Path(SETTINGS_FILE)
        if not file.is_file():
            if named:
                raise SettingsError(f"The settings file '{file}' does not exist.")
            return cls()
        values = _expand(_read_yaml(file), file, "")
        if "folder" in values:
            raise SettingsError(f"{file}: unknown key 'folder'. {_known_keys(cls, 'folder')}")
        try:
            return cls(**values, folder=file.resolve().parent)
        except ValidationError as error:
            raise SettingsError(_explain(error, file)) from None

    def resolve(self, path: Path) -> Path:
        """Gives a path of the settings as an absolute one."""
        return path if path.is_absolute() else self.folder / path

    @property
    def index_dir(self) -> Path:
        """The index directory, absolute."""
        return self.resolve(self.paths.index)

    @property
    def behaviour_file(self) -> Path:
        """What was learned from customers' events, absolute."""
        return self.resolve(self.paths.behaviour)

    @property
    def database_url(self) -> str:
        """The database URL; a relative SQLite path becomes absolute."""
        prefix = "sqlite:///"
        url = self.paths.database
        if url.startswith(prefix) and url != "sqlite:///:memory:":
            return prefix + str(self.resolve(Path(url[len(prefix) :])))
        return url


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{file}{where}: this is not valid YAML.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{file}: the file is not UTF-8.") from None
    except ValueError as error:  # a date that does not exist
        raise SettingsError(f"{file}: this is not valid YAML: {error}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{file}: expected a mapping of keys at the top, found a {type(values).__name__}.")
    return values


def _expand(value: Any, file: Path, key: str) -> Any:
    """Replaces `${NAME}` in every string below `value`."""
    if isinstance(value, dict):
        return {str(k): _expand(v, file, f"{key}.{k}" if key else str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(item, file, key) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise SettingsError(f"{file}: '{key}' uses the environment variable {name}, which is not set.")
        return os.environ[name]

    return _ENV_PATTERN.sub(replace, value)


def _known_keys(model: type[BaseModel], *hidden: str) -> str:
    return "Known keys: " + ", ".join(name for name in model.__fields__ if name not in hidden) + "."


def _explain(error: ValidationError, file: Path) -> str:
    """Turns pydantic's report into one sentence a key."""
    lines = []
    for item in error.errors():
        keys = [str(part) for part in item["loc"]]
        model: type[BaseModel] = Settings
        description = ""
        for part in keys:
            field = model.__fields__.get(part)
            if field is None:
                break
            description = field.field_info.description or ""
            if isinstance(field.type_, type) and issubclass(field.type_, BaseModel):
                model = field.type_
        if item["type"] == "value_error.extra":
            lines.append(f"{file}: unknown key '{'.'.join(keys)}'. {_known_keys(model, 'folder')}")
        else:
            about = f" It is: {description}." if description else ""
            lines.append(f"{file}: '{'.'.join(keys)}': {item['msg']}.{about}")
    return "\n".join(lines)
