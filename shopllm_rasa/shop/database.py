"""The shop's database: how it is opened, and how its failures are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import MetaData, create_engine
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import SQLAlchemyError

from shopllm_rasa.errors import ShopDataError

_CONNECT_TIMEOUT_SECONDS = 5

metadata = MetaData()


class Database:
    """A database with the shop's tables."""

    def __init__(self, url: str) -> None:
        """Opens a database and makes the tables it lacks.

        Args:
            url: an SQLAlchemy URL such as `sqlite:///shop.sqlite` or `postgresql://...`.

        Raises:
            ShopDataError: if it cannot be opened. The message never holds the URL's password.
        """
        try:
            parsed = make_url(url)
            timeout = {"timeout": _CONNECT_TIMEOUT_SECONDS}
            if parsed.get_backend_name() == "sqlite" and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            elif parsed.get_backend_name() == "postgresql":
                timeout = {"connect_timeout": _CONNECT_TIMEOUT_SECONDS}
            self._engine = create_engine(parsed, connect_args=timeout, pool_pre_ping=True)
            metadata.create_all(self._engine)
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise ShopDataError(f"The shop database cannot be opened: {type(error).__name__}.") from None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """One transaction.

        Raises:
            ShopDataError: if the database fails; nothing is changed then.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            # The driver's own words can hold values of the statement, so only its kind is told.
            raise ShopDataError(f"The shop database failed: {type(error).__name__}.") from None
