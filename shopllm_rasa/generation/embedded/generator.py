"""Writes replies with the embedded encoder-decoder in ONNX Runtime; neither PyTorch nor transformers is imported."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shopllm_rasa.encoders.bundled import bundled_folder
from shopllm_rasa.encoders.onnx_session import open_session
from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.embedded.faithful import can_end, ends_segment, told_sources
from shopllm_rasa.generation.embedded.pieces import PieceTable
from shopllm_rasa.generation.embedded.source import (
    MAX_PIECES,
    SegmentKind,
    Source,
    make_source,
    pack,
)
from shopllm_rasa.generation.embedded.surface import Surface
from shopllm_rasa.generation.embedded.vocabulary import ANSWER, ASK, CONTROLS, DECLINE, END, NO, YES, Vocabulary
from shopllm_rasa.generation.embedded.weights import (
    BUNDLED_PREFIX,
    DECODER_FILE,
    ENCODER_FILE,
    MODEL_FOLDER,
    WEIGHTS_FILE,
    load_bundled,
    read_info,
)
from shopllm_rasa.generation.packed_weights import load_packed
from shopllm_rasa.retrieval.knowledge_index import PassageHit

MAX_UNITS = 90
MAX_EVIDENCE = 2
# Evidence that the search scored: the best sentence, and another of its passage that is at most so much less relevant.
# On the demo shop's development questions these hold the facts as often as three quoted sentences, and the decoder's
# own choice does so less often: questions like those in its training it knows better than the search, others worse.
EVIDENCE_MARGIN = 0.15
# To decline or to ask back although the search found evidence takes a probability of this.
SURE = 0.95
SENTIMENTS = ("neutral", "negative", "positive")
ReplyKind = Literal["answer", "yes", "no", "ask", "decline"]
_KINDS: dict[str, ReplyKind] = {ANSWER: "answer", YES: "yes", NO: "no", ASK: "ask", DECLINE: "decline"}
_NEVER = -1e9


@dataclass(frozen=True)
class ScoredPassage:
    """A passage whose sentences were ranked.

    Attributes:
        heading: what it is called.
        sentences: its sentences, in its order.
        scores: how relevant each is; only differences count.
    """

    heading: str
    sentences: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class ReplyRequest:
    """What a reply is written to.

    Attributes:
        question: the customer's words.
        passages: what was retrieved, best first: found or ranked passages, or texts of a sentence each.
        sentiment: 'neutral', 'negative' or 'positive'; an unknown one counts as neutral.
        plain: whether the reply shall answer without saying yes or no.
        margin: how much less relevant than the best sentence another may be and still be evidence.
    """

    question: str
    passages: Sequence[str | PassageHit | ScoredPassage]
    sentiment: str = "neutral"
    plain: bool = False
    margin: float = EVIDENCE_MARGIN


@dataclass(frozen=True)
class GeneratedReply:
    """A generated reply.

    Attributes:
        text: the reply; empty for 'decline'.
        kind: 'answer', 'yes' and 'no' answer; 'ask' asks back; 'decline' says that the passages do not answer.
        confidence: probability of the kind, and of evidence that the search did not score, times the mean
            probability of a unit, 0 to 1; 0 for a reply that was cut at its greatest length.
        copied_share: share of the units that were copied from the source.
        tokens: units written.
        evidence: numbers of the passages it rests on, the first first.
        sentences: the sentences it rests on, in their order in the reply.
        read: units read.
    """

    text: str
    kind: ReplyKind
    confidence: float
    copied_share: float
    tokens: int
    evidence: tuple[int, ...]
    sentences: tuple[str, ...]
    read: int


@dataclass
class Making:
    """One reply in the making.

    Attributes:
        source: what was read.
        extended: the number of the unit at each position, see `Vocabulary.extended`.
        arrays: what the encoder made of it.
        sentiment: the tone's number.
        plain: whether "yes" and "no" are left out.
        found: numbers of the segments that the search found to be evidence; empty where it did not score any.
        last_number: of the list, what was written last; -1 if that was beyond the list.
        last_origin: the position it was copied from, else -1.
        chosen: numbers of the segments that are the evidence.
        kind: the kind's token; empty while the evidence is chosen.
        numbers: the reply so far.
        origins: for each of them the position it was copied from, else -1.
        plan_logarithm: of the probability of the kind, and of evidence that the search did not find.
        unit_logarithms: of the probability of each unit, and of the end.
        done: whether the reply has ended.
    """

    source: Source
    extended: np.ndarray
    arrays: dict[str, np.ndarray]
    sentiment: int
    plain: bool
    last_number: int
    found: list[int]
    last_origin: int = -1
    chosen: list[int] = field(default_factory=list)
    kind: str = ""
    numbers: list[int] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    plan_logarithm: float = 0.0
    unit_logarithms: list[float] = field(default_factory=list)
    done: bool = False

    @property
    def asks(self) -> bool:
        """Whether the evidence so far are headings, among which the reply asks."""
        return bool(self.chosen) and self.source.segments[self.chosen[0]].kind is SegmentKind.HEADING


class EmbeddedGenerator:
    """An encoder-decoder that copies facts from passages and writes only the words between them.

    Example:
        >>> generator = EmbeddedGenerator.load()
        >>> generator.reply("How long can I return shoes?", ["Shoes can be returned within 60 days of delivery."]).text
        'You can return shoes within 60 days of delivery.'
    """

    def __init__(self, folder: Path, threads: int) -> None:
        info = read_info(folder)
        own = load_packed(folder / WEIGHTS_FILE)
        self._vocabulary = Vocabulary(info.words)
        self._pieces = PieceTable(bundled_folder() / "tokenizer.json")
        self._lock = threading.Lock()
        self._max_steps = info.shape["max_steps"]
        self._sizes = (info.shape["decoder_layers"], info.shape["heads"], info.shape["width"] // info.shape["heads"])
        self._listed = own["generator.listed.weight"]
        self._encoder = _open(folder / ENCODER_FILE, own, threads)
        self._decoder = _open(folder / DECODER_FILE, own, threads)
        self._surface = Surface()
        comma = self._vocabulary.id_of(",")
        self._verdicts = {(self._vocabulary.id_of(word), comma) for word in ("yes", "no")}
        self._stops = frozenset(self._vocabulary.id_of(sign) for sign in (".", "!", "?"))

    @classmethod
    def load(cls, folder: str | Path | None = None, threads: int = 2) -> "EmbeddedGenerator":
        """Loads the model that this package ships, or another.

        Args:
            folder: what `make train-generator` wrote; by default the shipped model.
            threads: CPU threads that one call may use.

        Raises:
            GenerationError: if a file is missing or changed, or the bundled encoder is another.
        """
        return cls(Path(folder) if folder else MODEL_FOLDER, threads)

    def reply(
        self,
        question: str,
        passages: Sequence[str | PassageHit | ScoredPassage],
        *,
        sentiment: str = "neutral",
        plain: bool = False,
    ) -> GeneratedReply:
        """Writes a reply; see `ReplyRequest` for the arguments.

        Raises:
            GenerationError: if there is nothing to read.
        """
        return self.replies([ReplyRequest(question, passages, sentiment, plain)])[0]

    def replies(self, requests: Sequence[ReplyRequest]) -> list[GeneratedReply]:
        """Writes replies to several questions in one batch.

        Raises:
            GenerationError: if one of them has nothing to read.
        """
        return [self._finished(state) for state in self.make(requests)]

    def make(self, requests: Sequence[ReplyRequest]) -> list[Making]:
        """As `replies`, with all that was decided on the way."""
        states = [self._read(request) for request in requests]
        with self._lock:
            self._write(states)
        return states

    def _read(self, request: ReplyRequest) -> Making:
        source = self._bounded(pack(request.question, _grouped(request.passages)))
        if not any(item.kind is SegmentKind.SENTENCE for item in source.segments):
            raise GenerationError("There is no passage to answer from.")
        ids, mask, pool = self._pieces.lay_out([[unit.key for unit in item.units] for item in source.segments])
        names = ("memory", "keys", "words", "cross_keys", "cross_values")
        inputs = {
            "ids": ids,
            "mask": mask,
            "pool": pool,
            "labels": source.labels,
            "kinds": np.array([item.kind for item in source.segments], dtype=np.int64),
            "owners": source.owners,
        }
        values = self._encoder.run(list(names), inputs)
        extended, _ = self._vocabulary.extended(source.keys)
        return Making(
            source=source,
            extended=np.array(extended),
            arrays=dict(zip(names, values, strict=True)),
            sentiment=SENTIMENTS.index(request.sentiment) if request.sentiment in SENTIMENTS else 0,
            plain=request.plain,
            last_number=self._vocabulary.id_of(END),
            found=_evidence(source, request.margin) if _scored(request.passages) else [],
        )

    def _bounded(self, source: Source) -> Source:
        """Cuts segments, and leaves out the least relevant sentences, until the source is short enough."""
        segments = [replace(item, units=self._pieces.fitting(item.units)) for item in source.segments]

        def size() -> int:
            return sum(2 + sum(len(self._pieces.pieces_of(unit.key)) for unit in item.units) for item in segments)

        while size() > MAX_PIECES and len(segments) > 2:
            segments.remove(max(segments[1:], key=lambda item: item.rank))
        return make_source(segments)

    def _write(self, states: Sequence[Making]) -> None:
        layers, heads, size = self._sizes
        count = len(states)
        positions = max(len(state.source.keys) for state in states)
        fixed: dict[str, np.ndarray] = {
            "cross_keys": np.zeros((layers, count, heads, positions, size), np.float32),
            "cross_values": np.zeros((layers, count, heads, positions, size), np.float32),
            "keys": np.zeros((count, positions, heads * size), np.float32),
            "mask": np.zeros((count, positions), np.float32),
            "sentiment": np.array([state.sentiment for state in states], dtype=np.int64),
        }
        for row, state in enumerate(states):
            length = len(state.source.keys)
            fixed["cross_keys"][:, row, :, :length] = state.arrays["cross_keys"]
            fixed["cross_values"][:, row, :, :length] = state.arrays["cross_values"]
            fixed["keys"][row, :length] = state.arrays["keys"]
            fixed["mask"][row, :length] = 1
        past = np.zeros((layers, count, heads, 0, size), np.float32)
        pasts = {"past_keys": past, "past_values": past}
        for step in range(min(MAX_UNITS + MAX_EVIDENCE + 1, self._max_steps)):
            moving: dict[str, np.ndarray] = {
                "word": np.zeros((count, heads * size), np.float32),
                "origin": np.zeros((count, heads * size), np.float32),
                "copied": np.zeros(count, np.float32),
                "step": np.array([step], dtype=np.int64),
                "following": np.zeros((count, positions), np.float32),
            }
            for row, state in enumerate(states):
                place = state.last_origin
                if place < 0:
                    moving["word"][row] = self._listed[state.last_number]
                    continue
                moving["word"][row] = state.arrays["words"][place]
                moving["origin"][row] = state.arrays["memory"][place]
                moving["copied"][row] = 1
                if place + 1 < len(state.source.keys):
                    moving["following"][row, place + 1] = 1
            scores, pointers, share, new_keys, new_values = self._decoder.run(None, {**fixed, **pasts, **moving})
            pasts = {"past_keys": new_keys, "past_values": new_values}
            for row, state in enumerate(states):
                if not state.done and len(state.numbers) < MAX_UNITS:
                    length = len(state.source.keys)
                    self._step(state, scores[row], pointers[row, :length], share[row])
            if all(state.done or len(state.numbers) >= MAX_UNITS for state in states):
                return

    def _step(self, state: Making, scores: np.ndarray, pointers: np.ndarray, share: np.ndarray) -> None:
        writable, copyable = self._allowed(state)
        written = _log_softmax(np.where(writable, scores, _NEVER)) + share[0]
        pointed = _log_softmax(np.where(copyable, pointers, _NEVER)) + share[1]
        total = np.zeros(max(len(self._vocabulary), int(state.extended.max()) + 1))
        total[: len(self._vocabulary)] += np.where(writable, np.exp(written), 0)
        np.add.at(total, state.extended[copyable], np.exp(pointed[copyable]))
        number = self._chosen(state, total)
        # Where a choice is closed its share counts for nobody, so that what is left adds up to one.
        logarithm = float(np.log(total[number] / max(total.sum(), 1e-9) + 1e-12))
        state.last_origin = self._origin(state, number, written, pointed, copyable)
        state.last_number = number if number < len(self._vocabulary) else -1
        if not state.kind:
            if number >= len(CONTROLS):
                row = int(state.source.owners[state.last_origin])
                state.chosen.append(row)
                if row not in state.found:
                    state.plan_logarithm += logarithm
                return
            state.plan_logarithm += logarithm
            state.kind = self._vocabulary.tokens[number]
            state.done = state.kind == DECLINE
            return
        state.unit_logarithms.append(logarithm)
        if self._vocabulary.id_of(END) == number:
            state.done = True
            return
        state.numbers.append(number)
        state.origins.append(state.last_origin)

    def _chosen(self, state: Making, total: np.ndarray) -> int:
        """The most probable number; evidence that the search found goes before, unless declining or asking is sure."""
        number = int(total.argmax())
        if state.kind or not state.found or state.asks:
            return number
        left = [row for row in state.found if row not in state.chosen]
        if not state.chosen:
            headings = [
                state.extended[mark]
                for mark, item in zip(state.source.marks, state.source.segments, strict=True)
                if item.kind is SegmentKind.HEADING
            ]
            declined, asked = total[self._vocabulary.id_of(DECLINE)], total[headings].sum()
            if max(declined, asked) >= SURE * total.sum():
                return number
        return int(state.extended[state.source.marks[left[0]]]) if left else number

    def _quotes(self, state: Making) -> bool:
        """Whether the sentence being written began with copied words of its evidence."""
        if state.last_origin < 0 or state.asks:
            return False
        start = len(state.numbers)
        while start and not (state.numbers[start - 1] in self._stops and self._ended(state, start - 1)):
            start -= 1
        if tuple(state.numbers[start : start + 2]) in self._verdicts:
            start += 2
        if start >= len(state.numbers) or state.origins[start] < 0:
            return False
        segments, owners = state.source.segments, state.source.owners
        return all(
            origin >= 0 and segments[owners[origin]].kind is SegmentKind.SENTENCE for origin in state.origins[start:]
        )

    def _ended(self, state: Making, row: int) -> bool:
        """Whether a sign in the reply ends a sentence: one inside of a copied sentence does not."""
        return state.origins[row] < 0 or ends_segment(state.source, state.origins[row])

    def _said(self, state: Making) -> int:
        """How many sentences that tell something have been written."""
        count, copied = 0, False
        for row, (number, origin) in enumerate(zip(state.numbers, state.origins, strict=True)):
            copied = copied or origin >= 0
            if copied and number in self._stops and self._ended(state, row):
                count, copied = count + 1, False
        return count

    def _opens(self, state: Making) -> bool:
        """Whether the next unit begins a sentence."""
        written = [
            self._vocabulary.tokens[number] if number < len(self._vocabulary) else "" for number in state.numbers
        ]
        return not written or written[-1] in (".", "!", "?") or tuple(written[-2:]) in (("yes", ","), ("no", ","))

    def _allowed(self, state: Making) -> tuple[np.ndarray, np.ndarray]:
        """What may be written and what may be copied at a state's next step."""
        writable = np.zeros(len(self._vocabulary), dtype=bool)
        if state.kind:
            writable[len(CONTROLS) :] = True
            ends = can_end(state.source, state.last_origin)
            said = self._said(state)
            # All of the evidence is told: which of two sentences answers, search and decoder may both get wrong.
            writable[self._vocabulary.id_of(END)] = ends and (state.asks or said >= len(state.chosen))
            writable[self._vocabulary.id_of(".")] = bool(state.numbers) and ends
            if not state.asks and said >= len(state.chosen):
                writable[: self._vocabulary.id_of(END)] = writable[self._vocabulary.id_of(END) + 1 :] = False
                return writable, np.zeros(len(state.source.keys), dtype=bool)
            if self._quotes(state):
                # A sentence that begins as its evidence does goes on as it does, to its end or to a clause's.
                writable[: self._vocabulary.id_of(END)] = writable[self._vocabulary.id_of(END) + 1 :] = False
                writable[self._vocabulary.id_of(".")] = ends
                copyable = np.zeros(len(state.source.keys), dtype=bool)
                copyable[state.last_origin + 1 : state.last_origin + 2] = not ends_segment(
                    state.source, state.last_origin
                )
                return writable, copyable
            # Each sentence tells one sentence of the evidence, in their order: what two of them say is never mixed.
            told = state.chosen if state.asks else state.chosen[said : said + 1]
            copyable = told_sources(state.source, told, state.last_origin, self._opens(state))
            copyable[[origin for origin in state.origins if origin >= 0]] = False  # nothing is said twice
            return writable, copyable
        copyable = np.zeros(len(state.source.keys), dtype=bool)
        segments = state.source.segments
        asking = state.asks
        for row, item in enumerate(segments):
            wanted = [SegmentKind.HEADING] if asking else [SegmentKind.SENTENCE]
            if not state.chosen:
                wanted.append(SegmentKind.HEADING)
            room = len(state.chosen) < (len(state.found) if state.found and not asking else MAX_EVIDENCE)
            copyable[state.source.marks[row]] = item.kind in wanted and row not in state.chosen and room
        if not state.chosen:
            names: tuple[str, ...] = (DECLINE,)
        elif asking:
            names = (ASK,)
        else:
            names = (ANSWER,) if state.plain else (ANSWER, YES, NO)
        for name in names:
            writable[self._vocabulary.id_of(name)] = True
        return writable, copyable

    def _origin(
        self, state: Making, number: int, written: np.ndarray, pointed: np.ndarray, copyable: np.ndarray
    ) -> int:
        after = state.last_origin + 1
        same = copyable & (state.extended == number)
        if state.kind and 0 < after < len(same) and same[after]:
            return after
        if not same.any():
            return -1
        best = int(np.where(same, pointed, -np.inf).argmax())
        if number < len(self._vocabulary) and np.exp(pointed[same]).sum() < np.exp(written[number]):
            return -1
        return best

    def _finished(self, state: Making) -> GeneratedReply:
        mean = float(np.mean(state.unit_logarithms)) if state.unit_logarithms else 0.0
        segments = [state.source.segments[row] for row in state.chosen]
        text = ""
        if state.kind != DECLINE:
            text = self._surface.write(state.source, state.numbers, state.origins, self._vocabulary)
        copied = sum(origin >= 0 for origin in state.origins)
        return GeneratedReply(
            text=text,
            kind=_KINDS.get(state.kind, "decline"),
            confidence=float(np.exp(state.plan_logarithm + mean)) if state.done else 0.0,
            copied_share=copied / len(state.origins) if state.origins else 0.0,
            tokens=len(state.numbers),
            evidence=tuple(dict.fromkeys(item.passage - 1 for item in segments)),
            sentences=tuple(self._surface.sentence(item.units) for item in segments),
            read=len(state.source.keys),
        )


def _open(graph: Path, own: dict[str, np.ndarray], threads: int) -> Any:
    import onnx

    try:
        model = onnx.load(str(graph), load_external_data=False)
        names = [tensor.name for tensor in model.graph.initializer if tensor.external_data]
        bundled = load_bundled([name for name in names if name.startswith(BUNDLED_PREFIX)])
        weights = {name: bundled[name] if name in bundled else own[name] for name in names}
        # Threads that wait sleep: the steps are short, and others need the cores.
        return open_session(graph, weights, threads, spinning=False)
    except Exception as error:  # ONNX Runtime and safetensors each raise their own kinds
        raise GenerationError(f"The embedded generator's '{graph}' cannot be loaded: {error}") from error


def _scored(passages: Sequence[str | PassageHit | ScoredPassage]) -> bool:
    return any(not isinstance(passage, str) for passage in passages)


def _grouped(
    passages: Sequence[str | PassageHit | ScoredPassage],
) -> list[tuple[str, list[tuple[str, float]]]]:
    """Headings, and sentences with their relevance; plain texts are in order, but as good as equally relevant."""
    groups: list[tuple[str, list[tuple[str, float]]]] = []
    for number, passage in enumerate(passages):
        if isinstance(passage, PassageHit):
            relevance = passage.sentence_relevance or passage.sentence_scores
            pairs = list(zip(passage.passage.sentences, relevance, strict=True))
            groups.append((passage.passage.source, pairs))
        elif isinstance(passage, ScoredPassage):
            groups.append((passage.heading, list(zip(passage.sentences, passage.scores, strict=True))))
        else:
            groups.append(("", [(passage, -number * 1e-6)]))
    return groups


def _evidence(source: Source, margin: float) -> list[int]:
    """The best sentence by the search, and another of its passage that is nearly as relevant, in the page's order.

    A page says the rule before its exceptions; both are told, so the order need not be the search's.
    """
    sentences = [row for row, item in enumerate(source.segments) if item.kind is SegmentKind.SENTENCE]
    sentences.sort(key=lambda row: source.segments[row].rank)
    best = source.segments[sentences[0]]
    near = [
        row
        for row in sentences
        if source.segments[row].passage == best.passage and source.segments[row].relevance >= best.relevance - margin
    ]
    return sorted(near[:MAX_EVIDENCE])


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum())
