"""Adapts a sentence encoder to a shop's own texts, which need no labels."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from shopllm_rasa.encoders.export import load_model
from shopllm_rasa.encoders.opinions import MAX_CHARACTERS, read_rows
from shopllm_rasa.encoders.training_steps import half_precision, warm_up_and_decay
from shopllm_rasa.errors import EncoderError
from shopllm_rasa.storage import new_directory, write_json

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RECORD_FILE = "adaptation.json"
ENDINGS = (".txt", ".csv", ".jsonl")
# Each text is told apart from the others of its batch, so a handful teaches nothing.
MIN_TEXTS = 10
_POOL_BATCHES = 8


@dataclass(frozen=True)
class AdaptationOptions:
    """How to adapt; wrong values are refused at once.

    Attributes:
        epochs: passes over the texts.
        batch_size: texts in a step; each is told apart from all others of its step.
        learning_rate: at its highest; low, so that the encoder keeps what it knows.
        temperature: the cosines are divided by it.
        max_length: tokens of a text that are read while adapting, where the encoder can read as many.
        seed: the same seed gives the same result on the same machine.

    Raises:
        EncoderError: naming the option and what is allowed.
    """

    epochs: int = 1
    batch_size: int = 64
    learning_rate: float = 2e-5
    temperature: float = 0.05
    max_length: int = 128
    seed: int = 7

    def __post_init__(self) -> None:
        bounds: dict[str, tuple[float, float]] = {
            "epochs": (1, 100),
            "batch_size": (2, 1_024),
            "learning_rate": (1e-7, 1e-3),
            "temperature": (0.001, 1),
            "max_length": (4, 8_192),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise EncoderError(f"The adaptation option '{name}' is {value}; allowed are {low} to {high}.")


@dataclass(frozen=True)
class Adaptation:
    """What an adaptation did, as `adaptation.json`.

    Attributes:
        model: the encoder it began with.
        texts: different texts it was adapted to.
        steps: of the optimiser.
        first_loss: mean over the first tenth of the steps.
        last_loss: mean over the last tenth.
        seconds: it took.
        options: see `AdaptationOptions`.
    """

    model: str
    texts: int
    steps: int
    first_loss: float
    last_loss: float
    seconds: float
    options: AdaptationOptions


def read_texts(path: Path) -> list[str]:
    """Reads texts without labels: each once, blank ones left out, of a long one the first 2,000 characters.

    Args:
        path: a `.txt` file with one text a line, or a `.csv` (with a header) or `.jsonl` file with a column
            'text'; in UTF-8.

    Raises:
        EncoderError: if the file cannot be read, has no column 'text', or fewer than ten different texts.
    """
    if path.suffix.lower() not in ENDINGS:
        raise EncoderError(f"'{path}' cannot be read as texts; allowed are {', '.join(ENDINGS)} files.")
    found: dict[str, str] = {}
    for text in _lines(path) if path.suffix.lower() == ".txt" else _column(path):
        words = " ".join(text.split())[:MAX_CHARACTERS]
        # Two texts that differ in capitals alone would be told apart in vain.
        if words:
            found.setdefault(words.casefold(), words)
    if len(found) < MIN_TEXTS:
        raise EncoderError(f"'{path}' has {len(found)} different texts; at least {MIN_TEXTS} are needed.")
    return list(found.values())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise EncoderError(f"'{path}' cannot be read: it is not UTF-8.") from None
    except OSError as error:
        raise EncoderError(f"'{path}' cannot be read: {error.strerror}.") from None


def _column(path: Path) -> Iterator[str]:
    for line, row in read_rows(path):
        if "text" not in row:
            names = ", ".join(f"'{name}'" for name in row if name is not None)
            raise EncoderError(f"'{path}', line {line}: there is no 'text'; found are {names or 'no names'}.")
        text = row["text"]
        if not isinstance(text, str | None):
            raise EncoderError(f"'{path}', line {line}: 'text' is {text!r}; expected a text.")
        yield text or ""


def adapt_encoder(
    texts: Sequence[str],
    folder: Path,
    model: str = "default",
    options: AdaptationOptions | None = None,
    progress: bool = True,
) -> Adaptation:
    """Adapts an encoder to texts and writes it as a folder that `load_model` takes.

    Unsupervised SimCSE (Gao et al. 2021, https://arxiv.org/abs/2104.08821): each text goes through the encoder
    twice, with other units dropped out each time; the two vectors are drawn together and away from those of
    the other texts in the batch. Batches hold texts of like length: little is padded, and length, which both
    vectors of a text share, tells it apart less (Wu et al. 2022, ESimCSE, https://arxiv.org/abs/2109.04380).

    Args:
        texts: as `read_texts` gives them, all different.
        folder: is made; it may exist if it is empty.
        model: see `load_model`.
        options: how to adapt.
        progress: whether to show a progress bar on standard error.

    Raises:
        EncoderError: if the folder is in use, there are too few texts, or the model cannot be loaded.
    """
    import torch

    options = options or AdaptationOptions()
    if len(texts) < MIN_TEXTS:
        raise EncoderError(f"There are {len(texts)} texts to adapt to; at least {MIN_TEXTS} are needed.")
    _make_way(folder)
    # The new folder is made first: that it cannot be written should not come out after the training.
    with new_directory(folder) as new:
        started = time.perf_counter()
        encoder = load_model(model, "cuda" if torch.cuda.is_available() else "cpu")
        losses = _train(encoder, texts, options, progress)
        _save(encoder, new)
        done = Adaptation(
            model=model,
            texts=len(texts),
            steps=len(losses),
            first_loss=_mean(losses[: _tenth(losses)]),
            last_loss=_mean(losses[-_tenth(losses) :]),
            seconds=round(time.perf_counter() - started, 1),
            options=options,
        )
        write_json(new / RECORD_FILE, asdict(done))
        _make_way(folder)
    return done


def _make_way(folder: Path) -> None:
    """Removes the folder if it is empty.

    Raises:
        EncoderError: if something is in it, or it is a file.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    elif folder.exists():
        raise EncoderError(f"'{folder}' exists already and is not empty; name a new folder.")


def _train(
    encoder: "SentenceTransformer", texts: Sequence[str], options: AdaptationOptions, progress: bool
) -> list[float]:
    """Trains all weights; returns the loss of each step."""
    import torch

    own_length = encoder.max_seq_length
    encoder.max_seq_length = min(options.max_length, own_length or options.max_length)
    torch.manual_seed(options.seed)
    batches = list(_batches(texts, options))
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=options.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_up_and_decay(step, len(batches)))
    encoder.train()
    losses = []
    for batch in tqdm(batches, desc="adapting", disable=not progress, unit="step"):
        loss = _loss(encoder, batch, options.temperature)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    encoder.eval()
    encoder.max_seq_length = own_length
    return losses


def _batches(texts: Sequence[str], options: AdaptationOptions) -> Iterator[list[str]]:
    """Of all epochs: shuffled, then sorted by length within pools of some batches."""
    shuffler = random.Random(options.seed)  # noqa: S311 - no secret, and repeatable
    size = options.batch_size
    for _ in range(options.epochs):
        order = shuffler.sample(list(texts), len(texts))
        batches = []
        for start in range(0, len(order), _POOL_BATCHES * size):
            pool = sorted(order[start : start + _POOL_BATCHES * size], key=len)
            batches += [pool[at : at + size] for at in range(0, len(pool), size)]
        shuffler.shuffle(batches)
        # A text alone has nothing to be told apart from.
        yield from (batch for batch in batches if len(batch) > 1)


def _loss(encoder: "SentenceTransformer", batch: Sequence[str], temperature: float) -> Any:
    """Cross-entropy of finding each text's second vector among those of the batch."""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    device = encoder.device
    features = encoder.preprocess([*batch, *batch])
    features = {k: v.to(device) for k, v in features.items() if k in ("input_ids", "attention_mask")}
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half_precision(device.type)):
        vectors = encoder(features)["sentence_embedding"]
    first, second = normalize(vectors.float(), dim=-1).split(len(batch))
    return cross_entropy(first @ second.T / temperature, torch.arange(len(batch), device=device))


def _save(encoder: "SentenceTransformer", folder: Path) -> None:
    """Writes the model as safetensors; the library's own card would speak of another training."""
    encoder.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)


def _tenth(values: Sequence[float]) -> int:
    return max(1, len(values) // 10)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)
