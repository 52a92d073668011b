"""Everything a shop needs before its servers start: the index, the orders, the trained bot."""

import hashlib
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from shopllm_rasa.catalog import Product
from shopllm_rasa.demo.fingerprints import Inputs, Record, fingerprint_files
from shopllm_rasa.demo.interruption import Interruption
from shopllm_rasa.demo.processes import ChildProcess
from shopllm_rasa.demo.shop import Shop
from shopllm_rasa.demo.steps import Steps
from shopllm_rasa.errors import DemoError, IndexUnusableError
from shopllm_rasa.settings import SETTINGS_ENV

MODEL_NAME = "shop"
# What Rasa, TensorFlow and SQLAlchemy say otherwise says nothing of the bot.
_QUIET = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "ignore",
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TOKENIZERS_PARALLELISM": "false",
}
_TRAINING_FOLDERS = ("data/nlu", "data/rules", "data/stories")
_REVIEWS_FOLDER = "data/reviews"
_PACKAGE = Path(__file__).resolve().parent.parent


def child_environment(shop: Shop) -> dict[str, str]:
    """The variables of every child: this process's own, and which shop it is."""
    return {**os.environ, **_QUIET, SETTINGS_ENV: str(shop.settings_file)}


class Preparation:
    """Builds what is not there yet or was built from other inputs.

    Attributes:
        project: the bot's folder.
        shop: whose files are used.
    """

    def __init__(self, project: Path, shop: Shop, logs: Path, steps: Steps, interruption: Interruption) -> None:
        self.project = project
        self.shop = shop
        self._logs = logs
        self._steps = steps
        self._interruption = interruption
        self._environment: Mapping[str, str] = child_environment(shop)

    def index(self) -> list[Product]:
        """Builds the index unless a usable one of the same files is there; gives its products.

        Raises:
            DemoError: if it cannot be built.
            IndexUnusableError: if it cannot be opened even so.
        """
        folder = self.shop.settings.index_dir
        record = Record(folder.with_name(f"{folder.name}.inputs.json"))
        inputs = self._index_inputs()
        reason = record.difference(inputs) if folder.is_dir() else "there is none yet"
        if reason is None:
            try:
                with self._steps.step("Opening the index of products and pages"):
                    return self._open_index()
            except IndexUnusableError as error:
                self._steps.notice(f"{str(error).partition(' Build')[0]} It is built again.")
                reason = "the old one is damaged"
        with self._steps.step("Building the index of products and pages", reason=reason, own_output=True):
            self._build_index(folder)
            products = self._open_index()
            record.write(inputs)
        return products

    def _index_inputs(self) -> Inputs:
        files = fingerprint_files([self.shop.catalog, *self._pages()], self.project)
        settings = self.shop.settings
        store = settings.vectors.json(exclude={"milvus": {"token"}})
        return {
            **files,
            "the encoder": settings.encoder.model,
            "how the feed is read": settings.catalog.json(),
            # Hashed, for an address may hold a password.
            "the vector store": hashlib.sha256(store.encode()).hexdigest(),
        }

    def _pages(self) -> list[Path]:
        from shopllm_rasa.retrieval.knowledge import knowledge_files

        return knowledge_files(self.shop.knowledge) if self.shop.knowledge else []

    def _open_index(self) -> list[Product]:
        from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex

        settings = self.shop.settings
        index = ProductIndex.open(settings.index_dir, model=settings.encoder.model, threads=settings.encoder.threads)
        KnowledgeIndex.open(settings.index_dir, index.encoder)
        return list(index.products)

    def _build_index(self, folder: Path) -> None:
        from shopllm_rasa.retrieval.index_directory import MANIFEST_FILE

        command = [sys.executable, "-m", "shopllm_rasa.cli.main", "index", "build"]
        command += ["--catalog", str(self.shop.catalog), "--out", str(folder)]
        if self.shop.knowledge:
            command += ["--knowledge", str(self.shop.knowledge)]
        if not self._pages():
            # A build without pages keeps the pages of before, which are no longer this shop's.
            (folder / MANIFEST_FILE).unlink(missing_ok=True)
        self._run("The index could not be built; the reason stands above.", command)

    def orders(self) -> None:
        """Imports customers and orders, where the shop has some.

        Raises:
            DemoError: if they cannot be imported.
        """
        if self.shop.customers is None or self.shop.orders is None:
            return
        command = [sys.executable, "-m", "shopllm_rasa.cli.main", "shop", "import"]
        command += ["--customers", str(self.shop.customers), "--orders", str(self.shop.orders)]
        with self._steps.step("Importing customers and orders", own_output=True):
            self._run("Customers and orders could not be imported; the reason stands above.", command)

    def events(self) -> None:
        """Imports what customers did, where the shop has that, and learns from it unless that is done.

        Raises:
            DemoError: if that fails.
        """
        if self.shop.events is None:
            return
        learned = self.shop.settings.behaviour_file
        record = Record(learned.with_name(f"{learned.name}.inputs.json"))
        inputs = {**self._index_inputs(), **fingerprint_files([self.shop.events], self.project)}
        reason = record.difference(inputs) if learned.is_file() else "nothing is learned yet"
        if reason is None:
            return
        shopllm = [sys.executable, "-m", "shopllm_rasa.cli.main"]
        with self._steps.step("Learning from what customers did", reason=reason, own_output=True):
            failure = "Events could not be imported; the reason stands above."
            self._run(failure, [*shopllm, "shop", "import", "--events", str(self.shop.events)])
            self._run("Nothing could be learned; the reason stands above.", [*shopllm, "recommend", "fit"])
            record.write(inputs)

    def _run(self, failure: str, command: list[str]) -> None:
        """Runs one of the package's own commands; what it says goes to the screen."""
        with ChildProcess("the command", command, folder=self.project, environment=self._environment) as child:
            if child.wait(self._interruption) != 0:
                raise DemoError(failure)

    def model(self) -> Path:
        """Trains the bot unless a model of the same inputs is there; gives the model's file.

        Raises:
            DemoError: if the training fails, with the end of its log.
        """
        folder = self.shop.folder / "models"
        file = folder / f"{MODEL_NAME}.tar.gz"
        record = Record(folder / f"{MODEL_NAME}.inputs.json")
        with self._steps.step("Comparing the trained bot with its inputs"):
            inputs = self._training_inputs()
            reason = record.difference({**inputs, **_size_of(file)}) if file.is_file() else "there is no model yet"
        if reason is None:
            return file
        with self._steps.step("Training the bot", reason=reason):
            self._train(folder)
            if not file.is_file():
                raise DemoError(f"The training ended well but left no model '{file}'; its log is '{self._train_log}'.")
            record.write({**inputs, **_size_of(file)})
        return file

    @property
    def _train_log(self) -> Path:
        return self._logs / "train.log"

    def _training_inputs(self) -> Inputs:
        bot = [self.project / name for name in ("config.yml", "domain", *_TRAINING_FOLDERS, _REVIEWS_FOLDER)]
        code = [_PACKAGE / "nlu", _PACKAGE / "encoders"]
        return {
            **fingerprint_files([*bot, self.shop.catalog], self.project),
            **fingerprint_files(code, _PACKAGE.parent),
            "the encoder": self.shop.settings.encoder.model,
            "how the feed is read": self.shop.settings.catalog.json(),
            "Rasa's version": _version_of("rasa"),
        }

    def _train(self, folder: Path) -> None:
        data = [name for name in _TRAINING_FOLDERS if (self.project / name).is_dir()]
        command = [
            sys.executable,
            "-m",
            "rasa",
            "train",
            "--fixed-model-name",
            MODEL_NAME,
            "--out",
            str(folder),
        ]
        command += ["--config", "config.yml", "--domain", "domain", "--data", *data]
        child = ChildProcess(
            "the training", command, log=self._train_log, folder=self.project, environment=self._environment
        )
        with child:
            code = child.wait(self._interruption)
        if code != 0:
            raise DemoError(child.report(f"The training failed with exit code {code}."))


def _size_of(model: Path) -> Inputs:
    """A model that was cut short has another size."""
    return {"the model file": str(model.stat().st_size) if model.is_file() else ""}


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
