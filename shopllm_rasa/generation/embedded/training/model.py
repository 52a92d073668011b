"""The encoder-decoder in PyTorch: MiniLM's lower layers frozen, its upper ones fine-tuned, a decoder that copies.

A pointer-generator (See, Liu and Manning, 2017) over whole units. The lower layers read each segment by itself and the
upper ones all segments together (DeFormer, Cao et al., 2020), so that the lower layers' states can be kept.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from shopllm_rasa.generation.embedded.source import MAX_PASSAGES, MAX_RANK


@dataclass(frozen=True)
class Shape:
    """Sizes of the model.

    Attributes:
        width: of a state.
        heads: of attention.
        inner: of the feed-forward part.
        lower_layers: MiniLM's layers that stay as they are.
        upper_layers: MiniLM's layers above them, which are fine-tuned.
        decoder_layers: layers of the decoder.
        max_steps: steps that the decoder writes at most.
        pieces: word pieces that MiniLM knows.
        positions: pieces that MiniLM reads at most.
        dropout: share of a state that is dropped in training.
    """

    width: int = 384
    heads: int = 12
    inner: int = 1536
    lower_layers: int = 4
    upper_layers: int = 2
    decoder_layers: int = 2
    max_steps: int = 96
    pieces: int = 30_522
    positions: int = 512
    dropout: float = 0.1

    def to_dict(self) -> dict[str, int | float]:
        """As plain values."""
        return asdict(self)


class Attention(nn.Module):
    """Multi-head attention with BERT's residual and normalisation behind it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.width, shape.width)
        self.key = nn.Linear(shape.width, shape.width)
        self.value = nn.Linear(shape.width, shape.width)
        self.output = nn.Linear(shape.width, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(shape.dropout)

    def split(self, states: Tensor) -> Tensor:
        """(batch, positions, width) to (batch, heads, positions, width of a head)."""
        batch, positions, width = states.shape
        return states.reshape(batch, positions, self.heads, width // self.heads).transpose(1, 2)

    def memory(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of what is attended to."""
        return self.split(self.key(states)), self.split(self.value(states))

    def attend(self, states: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        """Attends; `bias` is added to the scores: 0 where allowed, a large negative number elsewhere."""
        query = self.split(self.query(states))
        scores = query @ keys.transpose(-1, -2) / (query.shape[-1] ** 0.5)
        if bias is not None:
            scores = scores + bias
        mixed = (scores.softmax(-1) @ values).transpose(1, 2)
        return self.norm(states + self.dropout(self.output(mixed.reshape(states.shape))))

    def forward(self, states: Tensor, bias: Tensor | None) -> Tensor:
        """Self-attention."""
        keys, values = self.memory(states)
        return self.attend(states, keys, values, bias)


class FeedForward(nn.Module):
    """BERT's feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.inner = nn.Linear(shape.width, shape.inner)
        self.output = nn.Linear(shape.inner, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor) -> Tensor:
        """See the class."""
        return self.norm(states + self.dropout(self.output(functional.gelu(self.inner(states)))))


class EncoderLayer(nn.Module):
    """A layer of BERT."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = Attention(shape)
        self.feed_forward = FeedForward(shape)

    def forward(self, states: Tensor, bias: Tensor | None) -> Tensor:
        """See the class."""
        return self.feed_forward(self.attention(states, bias))


class DecoderLayer(nn.Module):
    """Self-attention over what is written, attention over the source, feed-forward."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = Attention(shape)
        self.cross = Attention(shape)
        self.feed_forward = FeedForward(shape)


class BundledEncoder(nn.Module):
    """MiniLM as it is bundled, frozen."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.pieces, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.types = nn.Embedding(2, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.lower_layers + shape.upper_layers))
        self.lower_layers = shape.lower_layers

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Word pieces (segments, pieces) to states behind the lower layers, and a vector for each segment."""
        places = torch.arange(ids.shape[1], device=ids.device)
        states = self.norm(self.words(ids) + self.positions(places) + self.types.weight[0])
        bias = hidden(mask)
        lower = states
        for number, layer in enumerate(self.layers, 1):
            states = layer(states, bias)
            if number == self.lower_layers:
                lower = states
        return lower, mean_vectors(states, mask)


class Generator(nn.Module):
    """What is trained: the upper encoder layers, the decoder and its heads."""

    def __init__(self, shape: Shape, listed: int, sentiments: int = 3) -> None:
        super().__init__()
        width = shape.width
        self.shape = shape
        self.kinds = nn.Embedding(3, width)
        self.passages = nn.Embedding(MAX_PASSAGES + 1, width)
        self.ranks = nn.Embedding(MAX_RANK + 1, width)
        self.matches = nn.Embedding(4, width)
        self.similarity = nn.Linear(3, width)
        self.upper = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.upper_layers))
        self.pointer_key = nn.Linear(width, width)
        self.pointer_word = nn.Linear(width, width, bias=False)
        self.listed = nn.Embedding(listed, width)
        self.steps = nn.Embedding(shape.max_steps, width)
        self.sentiments = nn.Embedding(sentiments, width)
        self.copied = nn.Linear(width, width)
        self.input_norm = nn.LayerNorm(width, eps=1e-12)
        self.decoder = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.vocabulary = nn.Linear(width, width)
        self.vocabulary_norm = nn.LayerNorm(width, eps=1e-12)
        self.vocabulary_bias = nn.Parameter(torch.zeros(listed))
        self.pointer_query = nn.Linear(width, width)
        self.gate = nn.Linear(width, 2)
        for table in (self.kinds, self.passages, self.ranks, self.matches, self.sentiments):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.zeros_(self.copied.weight)
        nn.init.zeros_(self.copied.bias)

    def encode(
        self, states: Tensor, words: Tensor, labels: Tensor, similarity: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Reads a source.

        Args:
            states: (batch, positions, width) of the lower layers, a unit or mark each.
            words: (batch, positions, width), the units' word embeddings.
            labels: (batch, positions, 4), see `Source.labels`.
            similarity: (batch, positions, 3), see `similarities`.
            mask: (batch, positions), 1 for a position, 0 for padding.

        Returns:
            Memory, and keys that the pointer looks for, both (batch, positions, width).
        """
        memory = states + self.kinds(labels[..., 0]) + self.passages(labels[..., 1])
        memory = memory + self.ranks(labels[..., 2]) + self.matches(labels[..., 3]) + self.similarity(similarity)
        bias = hidden(mask)
        for layer in self.upper:
            memory = layer(memory, bias)
        return memory, self.pointer_key(memory) + self.pointer_word(words)

    def inputs(self, words: Tensor, origins: Tensor, copied: Tensor, steps: Tensor, sentiment: Tensor) -> Tensor:
        """The decoder's input: the last unit, where it was copied from, the step and the tone.

        Args:
            words: (batch, steps, width), the last units' word embeddings.
            origins: (batch, steps, width), the memory at the positions they were copied from.
            copied: (batch, steps), 1 where they were copied.
            steps: (steps,), their numbers.
            sentiment: (batch,).
        """
        states = words + self.steps(steps) + self.sentiments(sentiment)[:, None]
        return self.input_norm(states + copied[..., None] * self.copied(origins))

    def heads(self, states: Tensor, keys: Tensor, following: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of the listed words and of the positions, and the logarithm of the share of either.

        Args:
            states: (batch, steps, width).
            keys: the pointer's keys (batch, positions, width).
            following: (batch, steps, positions), 1 at the position behind the one that was copied last.
        """
        written = self.vocabulary_norm(functional.gelu(self.vocabulary(states)))
        scores = written @ self.listed.weight.T + self.vocabulary_bias
        pointers = self.pointer_query(states) @ keys.transpose(-1, -2) / (states.shape[-1] ** 0.5)
        gate = self.gate(states)
        pointers = pointers + functional.softplus(gate[..., 1:]) * following
        share = torch.cat([functional.logsigmoid(gate[..., :1]), functional.logsigmoid(-gate[..., :1])], -1)
        return scores, pointers, share

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Log-probabilities of the targets (batch, steps) under the mixture of writing and copying."""
        memory, keys = self.encode(batch["states"], batch["words"], batch["labels"], batch["similarity"], batch["mask"])
        origin = batch["previous_origins"]
        copied = (origin >= 0).to(memory.dtype)
        index = origin.clamp(min=0)[..., None].expand(-1, -1, memory.shape[-1])
        words = torch.where(
            batch["previous_listed"][..., None] >= 0,
            self.listed(batch["previous_listed"].clamp(min=0)),
            batch["words"].gather(1, index),
        )
        steps = torch.arange(origin.shape[1], device=origin.device)
        states = self.inputs(words, memory.gather(1, index), copied, steps, batch["sentiment"])
        causal = torch.full((len(steps), len(steps)), -1e4, device=states.device).triu(1)
        source_bias = hidden(batch["mask"])
        for layer in self.decoder:
            states = layer.attention(states, causal)
            states = layer.cross.attend(states, *layer.cross.memory(memory), source_bias)
            states = layer.feed_forward(states)
        places = torch.arange(memory.shape[1], device=origin.device)
        following = ((origin[..., None] + 1 == places) & (origin[..., None] >= 0)).to(states.dtype)
        scores, pointers, share = self.heads(states, keys, following)
        scores, pointers, share = scores.float(), pointers.float(), share.float()
        writable = scores.masked_fill(~batch["writable"], -1e4).log_softmax(-1)
        copyable = pointers.masked_fill(~batch["copyable"], -1e4).log_softmax(-1)
        wanted = batch["wanted"]
        listed = wanted < scores.shape[-1]
        written = writable.gather(-1, wanted.clamp(max=scores.shape[-1] - 1)[..., None])[..., 0] + share[..., 0]
        written = written.masked_fill(~listed, -1e4)
        same = (batch["extended"][:, None] == wanted[..., None]) & batch["copyable"]
        pointed = copyable.masked_fill(~same, -1e4).logsumexp(-1) + share[..., 1]
        return torch.logaddexp(written, pointed)


def mean_vectors(states: Tensor, mask: Tensor) -> Tensor:
    """MiniLM's vector of each text, of length 1: the mean of its pieces' states."""
    weights = mask.to(states.dtype)[..., None]
    vectors = (states * weights).sum(1) / weights.sum(1)
    return vectors / vectors.norm(dim=-1, keepdim=True)


def similarities(vectors: Tensor, kinds: Tensor, owners: Tensor) -> Tensor:
    """What the bundled encoder says of each segment, for each of its positions.

    Args:
        vectors: (segments, width) of length 1, the question's first.
        kinds: (segments,), see `SegmentKind`.
        owners: (positions,), the number of each position's segment.

    Returns:
        (positions, 3): cosine with the question; how far below the best sentence's that is; 1 for the best sentence.
        All zero for the question.
    """
    cosine = vectors @ vectors[0]
    sentences = (kinds == 2).to(cosine.dtype)
    best = (cosine * sentences - (1 - sentences)).max()
    told = (kinds > 0).to(cosine.dtype)
    rows = torch.stack([cosine, cosine - best, (cosine >= best).to(cosine.dtype) * sentences], -1) * told[:, None]
    return rows[owners]


def hidden(mask: Tensor) -> Tensor:
    """The bias of attention for a mask (batch, positions): (batch, 1, 1, positions)."""
    return ((1.0 - mask.float()) * -1e4)[:, None, None]


def load_bundled(bundled: BundledEncoder, generator: Generator, weights: dict[str, Tensor]) -> None:
    """Fills both parts from MiniLM: the upper layers and the decoder begin as its upper layers."""
    shape = generator.shape
    bundled.words.weight.data.copy_(weights["embeddings.word_embeddings.weight"])
    bundled.positions.weight.data.copy_(weights["embeddings.position_embeddings.weight"])
    bundled.types.weight.data.copy_(weights["embeddings.token_type_embeddings.weight"])
    for norm in (bundled.norm, generator.input_norm):
        _copy(norm, weights, "embeddings.LayerNorm")
    for number, layer in enumerate(bundled.layers):
        _copy_layer(layer, weights, number)
    count = shape.lower_layers + shape.upper_layers
    for number, layer in enumerate(generator.upper):
        _copy_layer(layer, weights, shape.lower_layers + number)
    for number, layer in enumerate(generator.decoder):
        row = count - shape.decoder_layers + number
        _copy_layer(layer, weights, row)
        _copy_attention(layer.cross, weights, row)
    generator.steps.weight.data.copy_(weights["embeddings.position_embeddings.weight"][: shape.max_steps])
    for parameter in bundled.parameters():
        parameter.requires_grad_(False)


def _copy_layer(layer: Any, weights: dict[str, Tensor], number: int) -> None:
    _copy_attention(layer.attention, weights, number)
    _copy(layer.feed_forward.inner, weights, f"encoder.layer.{number}.intermediate.dense")
    _copy(layer.feed_forward.output, weights, f"encoder.layer.{number}.output.dense")
    _copy(layer.feed_forward.norm, weights, f"encoder.layer.{number}.output.LayerNorm")


def _copy_attention(attention: Attention, weights: dict[str, Tensor], number: int) -> None:
    prefix = f"encoder.layer.{number}.attention"
    for name in ("query", "key", "value"):
        _copy(getattr(attention, name), weights, f"{prefix}.self.{name}")
    _copy(attention.output, weights, f"{prefix}.output.dense")
    _copy(attention.norm, weights, f"{prefix}.output.LayerNorm")


def _copy(module: Any, weights: dict[str, Tensor], name: str) -> None:
    module.weight.data.copy_(weights[f"{name}.weight"])
    module.bias.data.copy_(weights[f"{name}.bias"])
