from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from shopllm_rasa.errors import SettingsError
from shopllm_rasa.generation.prompts import Prompts

WritePrompt = Callable[..., Prompts]


def problem(prompts: Prompts, name: str = "answer.v1", **values: object) -> str:
    with pytest.raises(SettingsError) as caught:
        prompts.render(name, **values)
    return str(caught.value)


@pytest.fixture
def own(tmp_path: Path) -> WritePrompt:
    """Prompts with a file of the shop's own."""

    def write(text: str | bytes, name: str = "answer.v1") -> Prompts:
        (tmp_path / f"{name}.jinja").write_bytes(text.encode() if isinstance(text, str) else text)
        return Prompts(tmp_path)

    return write


class TestShipped:
    def test_the_rules_name_the_shop(self) -> None:
        text = Prompts().render("answer.v1", shop_name="Vale & Sons")
        assert text.startswith("You answer customers of Vale & Sons")
        assert "NO_ANSWER" in text
        assert "{" not in text

    def test_the_passages_are_numbered(self) -> None:
        passages = [SimpleNamespace(source="Returns", text="30 days."), SimpleNamespace(source="Shoes", text="60.")]
        text = Prompts().render("passages.v1", passages=passages, question="How <long>?")
        assert "[1] Returns\n30 days." in text
        assert "[2] Shoes\n60." in text
        assert text.endswith("Question: How <long>?")

    def test_data_is_never_a_template(self) -> None:
        text = Prompts().render("passages.v1", passages=[], question="{{ 7 * 7 }} {% for x in y %}")
        assert text.endswith("Question: {{ 7 * 7 }} {% for x in y %}")


class TestOwnFolder:
    def test_its_files_stand_before_the_shipped_ones(self, own: WritePrompt) -> None:
        prompts = own("Be kind, {{ shop_name }}!")
        assert prompts.render("answer.v1", shop_name="Vale") == "Be kind, Vale!"
        assert prompts.render("passages.v1", passages=[], question="Why?").endswith("Question: Why?")

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError) as caught:
            Prompts(tmp_path / "nowhere")
        assert str(caught.value) == f"generation.prompts: the folder '{tmp_path / 'nowhere'}' does not exist."

    def test_missing_file(self) -> None:
        assert problem(Prompts(), "answer.v99").startswith("The prompt 'answer.v99.jinja' cannot be used: ")

    def test_undefined_variable(self, own: WritePrompt) -> None:
        text = problem(own("Hello {{ shop }}"), shop_name="Vale")
        assert text == "The prompt 'answer.v1.jinja' cannot be used: 'shop' is undefined"

    @pytest.mark.parametrize(
        "template", ["{{ shop_name", "{% if %}", "{{ shop_name + 1 }}", "{{ shop_name | nofilter }}"]
    )
    def test_wrong_template(self, own: WritePrompt, template: str) -> None:
        assert problem(own(template), shop_name="Vale").startswith("The prompt 'answer.v1.jinja' cannot be used: ")

    def test_another_encoding(self, own: WritePrompt) -> None:
        assert "cannot be used" in problem(own("Café {{ shop_name }}".encode("latin-1")), shop_name="Vale")

    @pytest.mark.parametrize(
        "template",
        [
            "{{ shop_name.__class__ }}",
            "{{ shop_name.__class__.__mro__[1].__subclasses__() }}",
            "{{ ''.__class__.__base__ }}",
            "{{ shop_name['__class__'] }}",
            "{{ shop_name | attr('__class__') }}",
            "{{ self.__init__.__globals__ }}",
            "{{ '{0.__class__}'.format(shop_name) }}",
        ],
    )
    def test_a_template_cannot_reach_python(self, own: WritePrompt, template: str) -> None:
        assert "cannot be used" in problem(own(template), shop_name="Vale")
