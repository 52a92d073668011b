"""What `nlu.py` measures: the jobs of each part, and the figures that come of their results."""

import statistics
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from nlu_data import (
    OUT_OF_SCOPE,
    Labelled,
    amazon_cells,
    bitext,
    few_shot,
    published_peers,
    repeated,
    sofmattress,
)
from nlu_jobs import Job, Runner, digest
from nlu_scores import (
    accuracy,
    after_fallback,
    best_threshold,
    calibration_bins,
    expected_calibration_error,
    open_set_scores,
)

ROOT = Path(__file__).parent.parent
SYSTEMS = ("ours", "diet")
PARTS = ("sofmattress", "bitext", "fewshot", "sentiment", "latency", "memory", "presets")
CLASSIFIER = "shopllm_rasa.nlu.IntentSentimentClassifier"
PRESET = "balanced"
FALLBACK = {"name": "FallbackClassifier", "threshold": 0.5, "ambiguity_threshold": 0}
# About how long a training takes on two cores.
TRAINING_MINUTES = {
    ("sofmattress", "ours"): 1,
    ("sofmattress", "diet"): 2.8,
    ("few", "ours"): 0.7,
    ("few", "diet"): 1.8,
    ("bitext", "ours"): 7,
    ("bitext", "diet"): 18,
    ("demo", "ours"): 2.5,
}
PRESET_MINUTES = {"fast": 0.6, "balanced": 1, "best": 3}


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        diet_epochs: of DIET and the response selector.
        our_options: of our classifier, beside the preset.
        rows: at most so many of a data set's rows; None for all.
        per_intent: examples an intent of the few-shot part.
        seeds: of the few-shot part.
        seeds_with_reviews: of them that are trained again beside the demo shop's reviews.
        latency_rounds: processes a system; the two systems alternate.
        latency_messages: timed messages in each.
        memory_messages: messages after which the peak is read.
        our_messages: messages that ours goes on to, to see whether its memory stays flat.
        reloads: of the model.
        demo_data: what the sentiment part trains on.
    """

    diet_epochs: int = 100
    our_options: tuple[tuple[str, Any], ...] = ()
    rows: int | None = None
    per_intent: int = 8
    seeds: int = 5
    seeds_with_reviews: int = 2
    latency_rounds: int = 3
    latency_messages: int = 300
    memory_messages: int = 1_000
    our_messages: int = 20_000
    reloads: int = 20
    demo_data: str = "data/nlu"


FULL = Sizes()
SMOKE = Sizes(
    diet_epochs=1,
    our_options=(("epochs", 1),),
    rows=60,
    per_intent=2,
    seeds=2,
    seeds_with_reviews=2,
    latency_rounds=1,
    latency_messages=20,
    memory_messages=50,
    our_messages=100,
    reloads=2,
    demo_data="data/nlu/smalltalk.yml",
)


class Benchmark:
    """The jobs of each part, and the figures that come of their results."""

    def __init__(self, shared: Path, sizes: Sizes, presets: list[str]) -> None:
        self._shared = shared
        self._sizes = sizes
        self._presets = presets
        self._sof_train = self._some(sofmattress(shared, "train"))
        self._sof_test = self._some(sofmattress(shared, "test"))
        self._bitext_train = self._some(bitext(shared, "train"))
        self._bitext_test = self._some(bitext(shared, "test"))
        self._amazon = self._some(amazon_cells(shared))
        files = [path for room in ("nlu", "encoders", "spelling") for path in (ROOT / "shopllm_rasa" / room).rglob("*")]
        source = [path for path in files if path.is_file() and path.suffix != ".pyc"]
        self._state = {
            "ours": {"source": digest(source), **_versions("rasa", "torch", "transformers", "onnxruntime")},
            "diet": _versions("rasa", "tensorflow"),
        }

        self.machine = Job("machine", "machine", {}, state={"asked": time.time()})
        self.sof = {name: self._training("sofmattress", name, self._sof_train, "sofmattress") for name in SYSTEMS}
        self.sof_test = {name: self._test(job, self._sof_test) for name, job in self.sof.items()}
        self.bitext = {name: self._training("bitext", name, self._bitext_train, "bitext") for name in SYSTEMS}
        self.bitext_test = {name: self._test(job, self._bitext_test, last=True) for name, job in self.bitext.items()}
        self.few = {name: [self._few_shot(name, seed) for seed in range(sizes.seeds)] for name in SYSTEMS}
        self.few_test = {
            name: [self._test(job, self._bitext_test, last=True) for job in jobs] for name, jobs in self.few.items()
        }
        self.demo = self._demo_training()
        self.with_reviews = [self._with_reviews(job) for job in self.few["ours"][: sizes.seeds_with_reviews]]
        self.with_reviews_test = [self._test(job, self._bitext_test, last=True) for job in self.with_reviews]
        self.sentiment_test = self._test(self.demo, self._amazon, last=True)
        self.latency = {name: [self._latency(name, number) for number in self._rounds()] for name in SYSTEMS}
        self.memory = {name: self._memory(name) for name in SYSTEMS}
        self.reload = {name: self._reload(name) for name in SYSTEMS}
        self.other_presets = {name: self._preset(name) for name in presets if name != PRESET}
        self.preset_tests = {
            name: self._test(job, self._sof_test, last=True) for name, job in self.other_presets.items()
        }

    def _some(self, rows: list[Labelled]) -> list[Labelled]:
        """All rows, or for a smoke run a few that are spread over the data."""
        if self._sizes.rows is None:
            return rows
        return rows[:: max(1, len(rows) // self._sizes.rows)]

    def _pipeline(self, system: str, preset: str = PRESET) -> list[dict[str, Any]]:
        if system == "diet":
            return diet_pipeline(self._sizes.diet_epochs)
        options = {"preset": preset} if self._presets else {}
        return [{"name": CLASSIFIER, **options, **dict(self._sizes.our_options)}, FALLBACK]

    def _training(self, part: str, system: str, rows: list[Labelled], size: str) -> Job:
        arguments = {"pipeline": self._pipeline(system), "examples": [list(row) for row in rows]}
        minutes = TRAINING_MINUTES[size, system] + 0.2
        return Job(f"{part}-{system}-train", "train", arguments, minutes=minutes, state=self._state[system])

    def _few_shot(self, system: str, seed: int) -> Job:
        rows = few_shot(bitext(self._shared, "train"), self._sizes.per_intent, seed)
        return self._training(f"fewshot-{seed}", system, rows, "few")

    def _preset(self, preset: str) -> Job:
        arguments = {
            "pipeline": self._pipeline("ours", preset),
            "examples": [list(row) for row in self._sof_train],
        }
        minutes = PRESET_MINUTES.get(preset, 2) + 0.2
        return Job(f"preset-{preset}-train", "train", arguments, minutes=minutes, state=self._state["ours"])

    def _demo_training(self) -> Job:
        """Our classifier with the demo bot's own options, on its own examples."""
        components = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
        own = [{**item, **dict(self._sizes.our_options)} for item in components if item["name"] == CLASSIFIER]
        data = ROOT / self._sizes.demo_data
        files = sorted(data.glob("*.yml")) if data.is_dir() else [data]
        arguments = {"pipeline": [*own, FALLBACK], "nlu": str(data)}
        minutes = TRAINING_MINUTES["demo", "ours"] + 0.2
        return Job(
            "sentiment-ours-train",
            "train",
            arguments,
            minutes=minutes,
            state={**self._state["ours"], "data": digest([*files, *_reviews()])},
        )

    def _with_reviews(self, training: Job) -> Job:
        """The same training, that learns sentiment from reviews beside its intents."""
        classifier, *others = training.arguments["pipeline"]
        arguments = {
            **training.arguments,
            "pipeline": [{**classifier, "reviews": [str(path) for path in _reviews()]}, *others],
        }
        name = training.name.replace("-train", "-reviews-train")
        state = {**self._state["ours"], "data": digest(_reviews())}
        return Job(name, "train", arguments, minutes=training.minutes * 1.5, state=state)

    def _test(self, training: Job, rows: list[Labelled], last: bool = False) -> Job:
        name = training.name.removesuffix("-train") + "-test"
        return Job(name, "predict", {"texts": [text for text, _ in rows]}, training, drops_model=last)

    def _rounds(self) -> range:
        return range(1, self._sizes.latency_rounds + 1)

    def _latency(self, system: str, number: int) -> Job:
        texts = [text for text, _ in self._sof_test][: self._sizes.latency_messages]
        return Job(f"latency-{system}-{number}", "latency", {"texts": texts}, self.sof[system])

    def _memory(self, system: str) -> Job:
        count = self._sizes.our_messages if system == "ours" else self._sizes.memory_messages
        arguments = {
            "texts": [text for text, _ in self._sof_test],
            "peak_after": self._sizes.memory_messages,
            "count": count,
        }
        return Job(f"memory-{system}", "memory", arguments, self.sof[system], minutes=0.3 + count * 1e-4)

    def _reload(self, system: str) -> Job:
        arguments = {"texts": [text for text, _ in self._sof_test][:5], "count": self._sizes.reloads}
        return Job(f"reload-{system}", "reload", arguments, self.sof[system], minutes=1 if system == "ours" else 2)

    def jobs(self, parts: list[str]) -> list[Job]:
        """What the parts need, in the order in which it is run."""
        both = {
            "sofmattress": _both(self.sof, self.sof_test),
            "bitext": _both(self.bitext, self.bitext_test),
            "fewshot": [
                job
                for seed in range(self._sizes.seeds)
                for name in SYSTEMS
                for job in (self.few[name][seed], self.few_test[name][seed])
            ],
            "sentiment": [
                *(self.demo, self.sentiment_test),
                *(job for seed in zip(self.few["ours"], self.few_test["ours"], strict=True) for job in seed),
                *(job for seed in zip(self.with_reviews, self.with_reviews_test, strict=True) for job in seed),
            ],
            "latency": [self.latency[name][number - 1] for number in self._rounds() for name in SYSTEMS],
            "memory": [*self.memory.values(), *self.reload.values()],
            "presets": _both(self.other_presets, self.preset_tests),
        }
        # The models of SOFMattress serve several parts.
        needed = [self.machine, *self.sof.values(), *(job for part in parts for job in both[part])]
        return list({job.name: job for job in needed}.values())

    def figures(self, runner: Runner) -> dict[str, Any]:
        """What has been measured, by part; a part without all of its results is left out."""
        parts = {
            "machine": self._machine,
            "sofmattress": self._sofmattress,
            "bitext": self._bitext,
            "fewshot": self._fewshot,
            "sentiment": self._sentiment,
            "latency": self._latencies,
            "memory": self._memories,
            "presets": self._preset_figures,
        }
        found = {}
        for name, part in parts.items():
            try:
                found[name] = part(_Results(runner))
            except _NotMeasured:
                continue
        return found

    def _machine(self, results: "_Results") -> dict[str, Any]:
        return results[self.machine]

    def _sofmattress(self, results: "_Results") -> dict[str, Any]:
        systems = {name: _open_set_figures(self._sof_test, results[self.sof_test[name]]) for name in SYSTEMS}
        return {
            "train": len(self._sof_train),
            "distinct": len(set(self._sof_train)),
            "test": len(self._sof_test),
            "in_scope": sum(label != OUT_OF_SCOPE for _, label in self._sof_test),
            "training_seconds": {name: results[self.sof[name]]["seconds"] for name in SYSTEMS},
            "model_mb": {name: results[self.sof[name]]["model_mb"] for name in SYSTEMS},
            "peers": published_peers(self._shared),
            **systems,
        }

    def _bitext(self, results: "_Results") -> dict[str, Any]:
        return {
            "train": len(self._bitext_train),
            "test": len(self._bitext_test),
            "intents": len({label for _, label in self._bitext_test}),
            "repeated": repeated(self._bitext_train, self._bitext_test, normalise=False),
            "nearly_repeated": repeated(self._bitext_train, self._bitext_test, normalise=True),
            "training_seconds": {name: results[self.bitext[name]]["seconds"] for name in SYSTEMS},
            **{name: _accuracy(self._bitext_test, results[self.bitext_test[name]]) for name in SYSTEMS},
        }

    def _fewshot(self, results: "_Results") -> dict[str, Any]:
        return {
            "per_intent": self._sizes.per_intent,
            "training_seconds": {name: [results[job]["seconds"] for job in self.few[name]] for name in SYSTEMS},
            **{name: [_accuracy(self._bitext_test, results[job]) for job in self.few_test[name]] for name in SYSTEMS},
        }

    def _sentiment(self, results: "_Results") -> dict[str, Any]:
        scores = [item["sentiment"] for item in results[self.sentiment_test]["predictions"]]
        guesses = ["positive" if item["positive"] > item["negative"] else "negative" for item in scores]
        labels = [label for _, label in self._amazon]
        recall = {
            name: statistics.mean(guess == name for label, guess in zip(labels, guesses, strict=True) if label == name)
            for name in ("positive", "negative")
        }
        return {
            "ours": accuracy(labels, guesses),
            "recall": recall,
            "test": len(labels),
            "intents_with_reviews": [_accuracy(self._bitext_test, results[job]) for job in self.with_reviews_test],
            "intents_without": [
                _accuracy(self._bitext_test, results[job])
                for job in self.few_test["ours"][: len(self.with_reviews_test)]
            ],
            "training_seconds": results[self.demo]["seconds"],
        }

    def _latencies(self, results: "_Results") -> dict[str, Any]:
        return {name: [_percentiles(results[job]) for job in self.latency[name]] for name in SYSTEMS}

    def _memories(self, results: "_Results") -> dict[str, Any]:
        return {name: {"serving": results[self.memory[name]], "reload": results[self.reload[name]]} for name in SYSTEMS}

    def _preset_figures(self, results: "_Results") -> dict[str, Any]:
        if not self._presets:
            raise _NotMeasured("presets")
        trainings = {name: self.sof["ours"] if name == PRESET else self.other_presets[name] for name in self._presets}
        tests = {name: self.sof_test["ours"] if name == PRESET else self.preset_tests[name] for name in self._presets}
        return {
            name: {
                "training_seconds": results[trainings[name]]["seconds"],
                **_open_set_figures(self._sof_test, results[tests[name]]),
            }
            for name in self._presets
        }


class _NotMeasured(Exception):
    """A job has no result."""


class _Results:
    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def __getitem__(self, job: Job) -> dict[str, Any]:
        result = self._runner.result(job)
        if result is None:
            raise _NotMeasured(job.name)
        return {name: value for name, value in result.items() if name != "key"}


def diet_pipeline(epochs: int) -> list[dict[str, Any]]:
    """Rasa's default pipeline, with the fallback of ours."""
    return [
        {"name": "WhitespaceTokenizer"},
        {"name": "RegexFeaturizer"},
        {"name": "LexicalSyntacticFeaturizer"},
        {"name": "CountVectorsFeaturizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "DIETClassifier", "epochs": epochs, "constrain_similarities": True},
        {"name": "EntitySynonymMapper"},
        {"name": "ResponseSelector", "epochs": epochs, "constrain_similarities": True},
        FALLBACK,
    ]


def _reviews() -> list[Path]:
    """The demo shop's files of reviews."""
    return sorted(path for path in (ROOT / "data" / "reviews").iterdir() if path.suffix in (".csv", ".jsonl"))


def _versions(*packages: str) -> dict[str, str]:
    return {name: version(name) for name in packages}


def _both(trainings: dict[str, Job], tests: dict[str, Job]) -> list[Job]:
    return [job for name in trainings for job in (trainings[name], tests[name])]


def _accuracy(rows: list[Labelled], result: dict[str, Any]) -> float:
    """Of the intent before any fallback."""
    return accuracy([label for _, label in rows], [item["top"] for item in result["predictions"]])


def _open_set_figures(rows: list[Labelled], result: dict[str, Any]) -> dict[str, Any]:
    labels, predictions = [label for _, label in rows], result["predictions"]
    known = [row for row, label in enumerate(labels) if label != OUT_OF_SCOPE]
    known_labels, known_predictions = [labels[row] for row in known], [predictions[row] for row in known]
    bins = calibration_bins(known_labels, known_predictions)
    return {
        "inscope_before_fallback": accuracy(known_labels, [item["top"] for item in known_predictions]),
        "calibration_error": expected_calibration_error(bins),
        "calibration_bins": bins,
        "shipped": {"threshold": FALLBACK["threshold"], **open_set_scores(labels, after_fallback(predictions))},
        "best": best_threshold(labels, predictions),
    }


def _percentiles(result: dict[str, Any]) -> dict[str, float]:
    p50, p95 = np.percentile(result.pop("milliseconds"), [50, 95])
    return {"p50": float(p50), "p95": float(p95), **result}
