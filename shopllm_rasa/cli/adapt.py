"""`shopllm adapt`: adapts the encoder to a shop's own texts."""

from dataclasses import asdict
from pathlib import Path

import typer

from shopllm_rasa.cli.output import JSON_OPTION, print_json


def adapt(
    texts: Path = typer.Option(
        ..., "--texts", help="Texts: a .txt with one a line, or a .csv or .jsonl with a column 'text'."
    ),
    out: Path = typer.Option(..., "--out", help="The folder to write; a new or an empty one."),
    model: str = typer.Option(
        "default", "--model", help="The encoder to begin with: 'default', a folder or a Hugging Face name."
    ),
    epochs: int = typer.Option(1, "--epochs", min=1, max=100, help="Passes over the texts."),
    batch_size: int = typer.Option(
        64, "--batch-size", min=2, max=1024, help="Texts in a step; less memory with fewer."
    ),
    json_output: bool = JSON_OPTION,
) -> None:
    """Adapts a sentence encoder to texts without labels, such as messages, reviews and descriptions.

    The folder is then named as the encoder: `model: DIR` in config.yml, or `encoder: {model: DIR}` in shopllm.yml. It
    can make the encoder worse: train with both and compare their model cards (shopllm explain --card).

    Example: shopllm adapt --texts messages.txt --out encoders/my-shop
    """
    from shopllm_rasa.encoders.adaptation import AdaptationOptions, adapt_encoder, read_texts

    options = AdaptationOptions(epochs=epochs, batch_size=batch_size)
    done = adapt_encoder(read_texts(texts), out, model, options)
    if json_output:
        print_json({"path": str(out), **asdict(done)})
    else:
        typer.echo(f"'{model}' adapted to {done.texts} texts in {done.seconds:.0f} s: {out}")
