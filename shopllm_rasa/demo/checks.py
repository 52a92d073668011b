"""What has to be true before the demo starts; each failure is one sentence that says what to do."""

import errno
import importlib.util
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shopllm_rasa.errors import DemoError

HOST = "127.0.0.1"
PROJECT_FILES = ("config.yml", "endpoints.yml", "credentials.yml")
PROJECT_FOLDERS = ("domain", "data", "actions")
_NEEDED_PACKAGES = ("rasa", "rasa_sdk")


@dataclass(frozen=True)
class Port:
    """A port the demo will listen on.

    Attributes:
        number: 1 to 65535.
        purpose: what listens there, such as "the web page".
        variable: the environment variable that changes it.
        option: the command-line option that changes it.
    """

    number: int
    purpose: str
    variable: str
    option: str


def check_project(folder: Path) -> None:
    """Checks that `folder` is the folder of the bot.

    Raises:
        DemoError: naming what is missing.
    """
    missing = [name for name in PROJECT_FILES if not (folder / name).is_file()]
    missing += [f"{name}/" for name in PROJECT_FOLDERS if not (folder / name).is_dir()]
    if missing:
        raise DemoError(
            f"'{folder}' has no {', '.join(missing)}; run the demo in the repository's root, where the bot's files are."
        )


def check_packages(names: Iterable[str] = _NEEDED_PACKAGES) -> None:
    """Checks that the bot's packages can be imported, without importing them (TensorFlow takes seconds).

    Raises:
        DemoError: naming what is missing and how to install it.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise DemoError(
            f"{' and '.join(missing)} {verb} not installed, which the demo needs; "
            "install with: pip install 'shopllm-rasa[bot,actions]'"
        )


def check_ports(ports: Iterable[Port]) -> None:
    """Checks that every port is free and no two are the same.

    Raises:
        DemoError: naming the port, what it is for and what changes it.
    """
    taken: dict[int, Port] = {}
    for port in ports:
        if port.number in taken:
            raise DemoError(
                f"Port {port.number} is set for both {taken[port.number].purpose} and {port.purpose}; "
                f"set {port.variable} (or {port.option}) to another one."
            )
        taken[port.number] = port
        _check_port(port)


def _check_port(port: Port) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a connection that was closed a moment ago does not make a port used.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port.number))
        except OSError as error:
            state = "is already in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise DemoError(
                f"Port {port.number} for {port.purpose} {state}; "
                f"set {port.variable} (or {port.option}) to another one, or stop what uses it."
            ) from None
