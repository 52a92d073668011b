"""`shopllm ask`: answers questions from the shop's pages."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, print_json, settings_for

if TYPE_CHECKING:
    from shopllm_rasa.generation import Answer, Source

MAX_QUESTIONS_BYTES = 10_000_000


def ask(
    question: str | None = typer.Argument(None, help="The question, as a customer would write it."),
    index: Path | None = INDEX_OPTION,
    file: Path | None = typer.Option(None, "--file", help="A text file with one question a line."),
    conversation: bool = typer.Option(
        False, "--conversation", help="With --file: the lines are one conversation, so that a line may follow up."
    ),
    json_output: bool = JSON_OPTION,
) -> None:
    """Answers from the shop's pages and products and names the source, or says that they do not answer.

    With --file every line is a question of its own; with --json each gives one JSON object a line.

    Example: shopllm ask "What is the return policy for electronic products?" --index index/
    """
    from shopllm_rasa.app import ShopApp
    from shopllm_rasa.generation import Exchange
    from shopllm_rasa.generation.follow_ups import MAX_TURNS

    if (question is None) == (file is None):
        raise typer.BadParameter("Give either a question or --file.")
    questions = [question] if question is not None else _questions(file)
    app = ShopApp(settings_for(index))
    history: list[Exchange] = []
    for text in questions:
        answer = app.answerer.answer(text or "", history=history)
        if conversation:
            history = [*history, Exchange(text or "", answer.text)][-MAX_TURNS:]
        if json_output:
            print_json(_as_json(answer), indent=None if file else 2)
        else:
            if file:
                typer.echo(f"> {text}")
            typer.echo(_as_text(answer))


def _questions(file: Path | None) -> list[str]:
    if file is None or not file.is_file():
        raise typer.BadParameter(f"The file '{file}' does not exist.", param_hint="--file")
    if file.stat().st_size > MAX_QUESTIONS_BYTES:
        raise typer.BadParameter(f"The file has more than {MAX_QUESTIONS_BYTES:,} bytes.", param_hint="--file")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise typer.BadParameter("The file is not UTF-8.", param_hint="--file") from None
    return [line for line in lines if line.strip()]


def _as_json(answer: "Answer") -> dict[str, Any]:
    return {
        "answer": answer.text,
        "answered": answer.answered,
        "sources": [_source(source) for source in answer.sources],
        "backend": answer.backend,
        "supported": answer.supported,
        "record": answer.record,
    }


def _source(source: "Source") -> dict[str, str]:
    values = {"title": source.title, "section": source.section, "path": source.path}
    return {**values, "product_id": source.product_id} if source.product_id else values


def _as_text(answer: "Answer") -> str:
    named = "; ".join(source.place for source in answer.sources)
    if answer.text:
        return f"{answer.text}\nSource: {named}"
    return "The shop's pages do not answer this." + (f" Nearest: {named}" if named else "")
