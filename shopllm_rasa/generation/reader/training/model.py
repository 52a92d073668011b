"""The reader in PyTorch: MiniLM over question and passage together, with a score for each sentence and for all."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from shopllm_rasa.generation.reader.layout import Reading, padded

# Cosines of MiniLM differ by some tenths; so much makes log-odds of them.
_COSINE_SCALE = 8.0
# Widths are multiples of this: for each shape that it meets PyTorch keeps a compiled kernel, gigabytes in the end.
_WIDTHS = 16


class ReaderModel(nn.Module):
    """A cross-encoder (Nogueira and Cho, 2019) that scores each sentence of a passage in its surroundings.

    A sentence's score is a linear function of the means of its states and of the question's, and of their product by
    dimension, which begins as their cosine: that is what the bundled encoder was trained on.
    """

    def __init__(self, folder: Path, frozen_layers: int = 0) -> None:
        """Starts from the bundled encoder's weights; its embeddings and lowest layers stay as they are."""
        super().__init__()
        from transformers import BertModel

        self.bert = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager")
        width = self.bert.config.hidden_size
        self.sentence = nn.Linear(3 * width, 1)
        self.passage = nn.Linear(3 * width, 1)
        self.from_best = nn.Linear(1, 1)
        for head in (self.sentence, self.passage):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
            nn.init.constant_(head.weight[:, 2 * width :], _COSINE_SCALE)
        nn.init.constant_(self.sentence.bias, -_COSINE_SCALE * 0.5)
        nn.init.constant_(self.passage.bias, -_COSINE_SCALE * 0.5)
        for part in (self.bert.embeddings, *self.bert.encoder.layer[:frozen_layers]):
            for parameter in part.parameters():
                parameter.requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor, pool: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, as log-odds; the arguments are those of `layout.padded`.

        Returns:
            That a sentence answers (batch, sentences), without meaning where there is none; and that the passage
            does (batch,).
        """
        states = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
        means = normalize(pool.to(states.dtype) @ states, dim=-1)
        asked, told = means[:, :1], means[:, 1:]
        sentences = self.sentence(torch.cat([asked.expand_as(told), told, asked * told], -1))[..., 0]
        there = pool[:, 1:].sum(-1) > 0
        weights = sentences.masked_fill(~there, -30.0).softmax(-1)[..., None]
        best = (weights * told).sum(1)
        whole = torch.cat([asked[:, 0], best, asked[:, 0] * best], -1)
        score = (weights[..., 0] * sentences).sum(1, keepdim=True)
        return sentences, (self.passage(whole) + self.from_best(score))[:, 0]


def tensors(readings: Sequence[Reading]) -> tuple[Tensor, ...]:
    """The arguments of `ReaderModel.forward`."""
    return tuple(torch.from_numpy(values) for values in padded(readings, _WIDTHS).values())
