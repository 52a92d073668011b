"""Checks a component's part of `config.yml`."""

import hashlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from rasa.shared.exceptions import InvalidConfigException

# Keys Rasa itself puts into a component's config.
_RASA_KEYS = ("name", "finetuning_epoch_fraction")

Rule = tuple[type | tuple[type, ...], float | None, float | None]


def check_config(component: str, config: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
    """Checks keys, types and bounds.

    Args:
        component: the name for the message.
        config: what the user wrote, merged with the defaults.
        rules: key to (type, lowest, highest); a bound of None is open.

    Raises:
        InvalidConfigException: naming the key, the value and what is allowed.
    """
    for key, value in config.items():
        if key in _RASA_KEYS:
            continue
        if key not in rules:
            raise InvalidConfigException(f"{component}: unknown key '{key}'. Known keys: {', '.join(sorted(rules))}.")
        kinds, low, high = rules[key]
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        # A bool is an int to Python, but 'epochs: true' is a mistake.
        fits = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
        if not fits:
            names = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in kinds)
            raise InvalidConfigException(f"{component}: '{key}' is {value!r}; expected {names}.")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not (low or 0) <= value <= (float("inf") if high is None else high):
            raise InvalidConfigException(f"{component}: '{key}' is {value}; allowed are {low} to {high}.")


def check_choice(component: str, config: Mapping[str, Any], key: str, allowed: Iterable[str]) -> None:
    """Checks that a value is one of some names.

    Raises:
        InvalidConfigException: naming the key, the value and what is allowed.
    """
    if config.get(key) is not None and config[key] not in allowed:
        raise InvalidConfigException(f"{component}: '{key}' is {config[key]!r}; allowed: {', '.join(allowed)}.")


def modules_of(package: ModuleType) -> list[ModuleType]:
    """All modules of a package, for `source_fingerprint`, so that a new one is not forgotten."""
    return [import_module(f"{package.__name__}.{module.name}") for module in pkgutil.iter_modules(package.__path__)]


def source_fingerprint(*modules: ModuleType) -> str:
    """A hash of modules' source: Rasa's training cache looks at the component's class alone."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()
