"""Prompts are Jinja files with a version in their name; a shop may put its own in their place."""

from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from shopllm_rasa.errors import SettingsError
from shopllm_rasa.generation.backends import ChatMessage


class Prompts:
    """Renders prompt files, those of the user's folder before the shipped ones."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None and not folder.is_dir():
            raise SettingsError(f"generation.prompts: the folder '{folder}' does not exist.")
        folders = [item for item in (folder, Path(__file__).parent) if item is not None]
        # Sandboxed: a template of a third party cannot reach Python. Not HTML, so nothing is escaped.
        self._environment = SandboxedEnvironment(
            loader=ChoiceLoader([FileSystemLoader(str(item)) for item in folders]),
            undefined=StrictUndefined,
            trim_blocks=True,
            autoescape=False,
        )

    def render(self, name: str, **values: Any) -> str:
        """Renders the prompt `name`, such as `answer.v1`.

        Raises:
            SettingsError: if the template is missing or wrong.
        """
        try:
            return self._environment.get_template(f"{name}.jinja").render(**values).strip()
        except (TemplateError, TypeError, ValueError) as error:
            raise SettingsError(f"The prompt '{name}.jinja' cannot be used: {error}") from None

    def messages(self, system: str, user: str, **values: Any) -> list[ChatMessage]:
        """Renders two prompts with the same values: the instructions and, apart from them, the data.

        Raises:
            SettingsError: as `render`.
        """
        return [
            ChatMessage("system", self.render(system, **values)),
            ChatMessage("user", self.render(user, **values)),
        ]
