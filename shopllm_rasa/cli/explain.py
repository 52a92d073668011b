"""`shopllm explain`: says why a message was understood as it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markdown import Markdown
from rich.table import Column, Table
from rich.text import Text

from shopllm_rasa.cli.output import JSON_OPTION, console, print_json
from shopllm_rasa.errors import EncoderError

if TYPE_CHECKING:
    from shopllm_rasa.encoders.explanation import Explanation, WordInfluence
    from shopllm_rasa.encoders.intent_model import Prediction

_INTENTS_SHOWN = 5
_BAR_CHARACTERS = 20
_FOR, _AGAINST = "green", "red"
# A word with less than this share of the strongest one's influence is printed plain.
_PLAIN_SHARE = 0.25


def explain(
    text: str | None = typer.Argument(None, help="The message, as a customer would write it."),
    model: Path = typer.Option(
        Path("models"), "--model", help="A trained model (.tar.gz), or a folder: its newest model."
    ),
    threshold: float = typer.Option(
        0.5, "--threshold", min=0, max=1, help="The confidence below which the bot falls back."
    ),
    card: bool = typer.Option(False, "--card", help="Print the trained classifier's model card."),
    json_output: bool = JSON_OPTION,
) -> None:
    """Shows what decided a message's intent: its words, the examples like it, and why the bot would fall back.

    Example: shopllm explain "where is my parcel" --model models/
    """
    from shopllm_rasa.encoders.model_archive import unpacked_classifier

    if card == (text is not None):
        raise typer.BadParameter("Give either a message or --card.")
    message = _readable(text or "")
    if not card and not message:
        raise typer.BadParameter("The message is empty.")
    with unpacked_classifier(model) as folder:
        if card:
            _print_card(folder, json_output)
        else:
            _print_explanation(folder, message, threshold, json_output)


def _readable(text: str) -> str:
    """Without bytes that are no text, which a shell can hand over but nothing can print."""
    return text.encode("utf-8", "replace").decode().strip()


def _print_card(folder: Path, json_output: bool) -> None:
    from shopllm_rasa.encoders.intent_model import read_description
    from shopllm_rasa.encoders.model_card import CARD_FILE, FIGURES_FILE

    read_description(folder)  # refuses other versions
    file = folder / (FIGURES_FILE if json_output else CARD_FILE)
    try:
        content = file.read_text(encoding="utf-8")
        if json_output:
            print_json(json.loads(content))
        elif console.is_terminal:
            console.print(Markdown(content))
        else:
            typer.echo(content, nl=False)
    except (FileNotFoundError, ValueError) as error:
        raise EncoderError(f"The model card '{file}' is missing or damaged: {error}. Train again.") from error


def _print_explanation(folder: Path, message: str, threshold: float, json_output: bool) -> None:
    from shopllm_rasa.encoders.explanation import explain
    from shopllm_rasa.encoders.intent_model import IntentSentimentModel

    classifier = IntentSentimentModel.load(folder)
    found = explain(classifier, message, threshold)
    prediction = classifier.predict([message])[0]
    if json_output:
        print_json(_as_json(message, found, prediction, threshold))
    else:
        _print_tables(found, prediction)


def _as_json(message: str, found: "Explanation", prediction: "Prediction", threshold: float) -> dict[str, Any]:
    return {
        "text": message,
        **found.to_dict(),
        "threshold": threshold,
        "ranking": [{"intent": name, "confidence": round(value, 4)} for name, value in prediction.ranking],
        "sentiment": {name: round(value, 4) for name, value in prediction.sentiment.items()},
    }


def _print_tables(found: "Explanation", prediction: "Prediction") -> None:
    console.print(_word_line(found.words))
    if found.read_as:
        console.print(f"Read as: {found.read_as}", markup=False)
    console.print(f"\nSentiment: {_shares(prediction.sentiment)}\n", markup=False)
    console.print(_intent_table(prediction))
    console.print()
    console.print(_word_table(found))
    console.print()
    console.print(_example_table(found))
    outcome = f"The bot would fall back. {found.fallback}" if found.fallback else f"The bot takes it as {found.intent}."
    console.print(f"\n{outcome}", markup=False)


def _shares(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in sorted(values.items(), key=lambda item: -item[1]))


def _intent_table(prediction: "Prediction") -> Table:
    table = Table("intent", "confidence", box=None)
    for name, confidence in prediction.ranking[:_INTENTS_SHOWN]:
        table.add_row(Text(name), f"{confidence:.2f}")
    return table


def _word_table(found: "Explanation") -> Table:
    """Every word with a bar; the longest stands for the strongest word."""
    table = Table("word", Column(Text(f"for {found.intent}")), "", box=None)
    strongest = _strongest(found.words)
    for word in found.words:
        length = round(abs(word.influence) / strongest * _BAR_CHARACTERS)
        bar = Text(("+" if word.influence > 0 else "-") * length, style=_colour(word, 0))
        table.add_row(Text(word.word), f"{word.influence:+.2f}", bar)
    return table


def _word_line(words: "tuple[WordInfluence, ...]") -> Text:
    """The message, with the words that speak for the intent in one colour and those against it in another."""
    strongest = _strongest(words)
    return Text(" ").join(Text(word.word, style=_colour(word, _PLAIN_SHARE * strongest)) for word in words)


def _strongest(words: "tuple[WordInfluence, ...]") -> float:
    return max((abs(word.influence) for word in words), default=0.0) or 1.0


def _colour(word: "WordInfluence", least: float) -> str:
    if abs(word.influence) <= least:
        return ""
    return f"bold {_FOR if word.influence > 0 else _AGAINST}"


def _example_table(found: "Explanation") -> Table:
    table = Table("nearest examples", "intent", "similarity", box=None)
    for example in found.nearest:
        table.add_row(Text(example.text), Text(example.intent), f"{example.similarity:.2f}")
    return table
