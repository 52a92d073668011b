"""The page and the diagram of `nlu.py`, made from its raw figures alone."""

import statistics
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_scores import BINS

Figures = dict[str, Any]
NONE = "–"
WIDTH = 120
NAMES = {"ours": "ours", "diet": "DIET"}
COLOURS = {"ours": "#1f77b4", "diet": "#ff7f0e"}
# A process is called flat when its memory has grown by no more than a twentieth.
FLAT = 1.05


@dataclass(frozen=True)
class Row:
    """A line of the main table.

    Attributes:
        what: was measured.
        target: as people read it; None where nothing was promised.
        ours: our figure.
        diet: DIET's figure.
        comparison: the ratio or difference of the two.
        reached: whether the target was reached, from figures that are not rounded.
    """

    what: str
    target: str | None
    ours: str
    diet: str = NONE
    comparison: str = NONE
    reached: bool | None = None


def page(figures: Figures) -> str:
    """The whole page, in Markdown; what was not measured is left out."""
    lines = ["# Benchmarks of understanding", ""]
    lines += _introduction(figures)
    lines += ["", *_table(HEADER, [_cells(row) for row in _rows(figures)])]
    for section, write in SECTIONS.items():
        if section in figures:
            lines += ["", *write(figures)]
    return "\n".join([*lines, "", *_notes(figures)]) + "\n"


def draw_reliability(sofmattress: Figures, path: Path) -> None:
    """Draws accuracy against confidence in bins, ours and DIET's side by side, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    # Text stays text, and the same figures give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "shopllm", "font.size": 9})
    from matplotlib import pyplot

    chart, axes = pyplot.subplots(1, 2, figsize=(8, 4), sharey=True)
    for axis, (system, name) in zip(axes, NAMES.items(), strict=True):
        bins = sofmattress[system]["calibration_bins"]
        lefts, heights = [item["from"] for item in bins], [item["accuracy"] for item in bins]
        axis.bar(lefts, heights, width=1 / BINS, align="edge", color=COLOURS[system], edgecolor="white")
        axis.plot([0, 1], [0, 1], color="#555555", linestyle="--", linewidth=1)
        for item in bins:
            axis.text(item["from"] + 0.5 / BINS, 1.02, str(item["count"]), ha="center", fontsize=7, color="#555555")
        error = sofmattress[system]["calibration_error"]
        axis.set(xlim=(0, 1), ylim=(0, 1.08), xlabel="confidence", title=f"{name}: calibration error {error:.3f}")
    axes[0].set_ylabel("accuracy")
    chart.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.savefig(path, metadata={"Date": None})
    pyplot.close(chart)


HEADER = ("what", "target", "ours", "DIET", "ratio or difference", "reached")


def _rows(figures: Figures) -> list[Row]:
    return [row for part, rows in ROWS.items() if part in figures for row in rows(figures[part])]


def _sofmattress_rows(part: Figures) -> list[Row]:
    def row(what: str, value: Callable[[Figures], float], least: float | None = None) -> Row:
        ours, diet = value(part["ours"]), value(part["diet"])
        target = None if least is None else f"≥ {least:.2f}"
        reached = None if least is None else ours >= least
        return Row(f"SOFMattress: {what}", target, f"{ours:.3f}", f"{diet:.3f}", _difference(ours, diet), reached)

    ours, diet = (part[name]["calibration_error"] for name in NAMES)
    return [
        row("accuracy in scope, before the fallback", lambda of: of["inscope_before_fallback"], 0.80),
        row("MCC over all, fallback at 0.5", lambda of: of["shipped"]["mcc"], 0.70),
        row("accuracy over all, fallback at 0.5", lambda of: of["shipped"]["accuracy"], 0.75),
        row("weighted F1, fallback at 0.5", lambda of: of["shipped"]["weighted_f1"]),
        row("out-of-scope recall, fallback at 0.5", lambda of: of["shipped"]["oos_recall"]),
        row("accuracy in scope, after the fallback", lambda of: of["shipped"]["inscope_accuracy"]),
        Row(
            "SOFMattress: calibration error in scope",
            "≤ 0.08",
            f"{ours:.3f}",
            f"{diet:.3f}",
            _difference(ours, diet),
            ours <= 0.08,
        ),
        _time_row("SOFMattress: training", part["training_seconds"], 1),
    ]


def _bitext_rows(part: Figures) -> list[Row]:
    ours, diet = part["ours"], part["diet"]
    reached = ours >= 0.985 and ours > diet
    return [
        Row(
            "Bitext, all training data: accuracy",
            "≥ 0.985, above DIET",
            f"{ours:.4f}",
            f"{diet:.4f}",
            _difference(ours, diet, 4),
            reached,
        ),
        _time_row("Bitext, all training data: training", part["training_seconds"]),
    ]


def _fewshot_rows(part: Figures) -> list[Row]:
    ours, diet = part["ours"], part["diet"]
    gain = 100 * (statistics.mean(ours) - statistics.mean(diet))
    seconds = {name: statistics.mean(part["training_seconds"][name]) for name in NAMES}
    what = f"Bitext, {part['per_intent']} examples an intent, {len(ours)} draws"
    return [
        Row(f"{what}: accuracy", "≥ DIET + 5 points", _spread(ours), _spread(diet), f"{gain:+.1f} points", gain >= 5),
        _time_row(f"{what}: training, mean", seconds),
    ]


def _sentiment_rows(part: Figures) -> list[Row]:
    value = part["ours"]
    taught, plain = part["intents_with_reviews"], part["intents_without"]
    cost = statistics.mean(plain) - statistics.mean(taught)
    return [
        Row("Product reviews: accuracy of two sentiments", "≥ 0.90", f"{value:.3f}", reached=value >= 0.90),
        Row(
            f"Bitext few: intents, trained beside reviews, {len(taught)} draws",
            "≥ without, less the spread",
            _spread(taught),
            NONE,
            f"{-100 * cost:+.1f} points",
            cost <= statistics.stdev(plain),
        ),
    ]


def _latency_rows(part: Figures) -> list[Row]:
    rows = []
    for name in ("p50", "p95"):
        ours, diet = (statistics.median(run[name] for run in part[system]) for system in NAMES)
        ratio = ours / diet
        rows.append(
            Row(f"`parse_message`, {name}", "≤ 1/3", f"{ours:.1f} ms", f"{diet:.1f} ms", f"{ratio:.2f}", ratio <= 1 / 3)
        )
    return rows


def _memory_rows(part: Figures) -> list[Row]:
    ours, diet = (part[name]["serving"]["peak_mb"] for name in NAMES)
    every = part["ours"]["serving"]["every"]
    reloads = len(part["ours"]["reload"]["course_mb"]) - 1
    growth = {name: _growth(part[name]["reload"]["course_mb"]) for name in NAMES}
    course = part["ours"]["serving"]["course_mb"]
    return [
        Row(
            f"Peak memory, {every:,} messages", "≤ 1", _mb(ours), _mb(diet), f"{ours / diet:.2f}", reached=ours <= diet
        ),
        Row(
            f"Memory after {reloads} reloads / after the first load",
            f"≤ {FLAT}",
            f"{growth['ours']:.2f}",
            f"{growth['diet']:.2f}",
            reached=growth["ours"] <= FLAT,
        ),
        Row(
            f"Memory after {every * len(course):,} messages / after {every:,}",
            f"≤ {FLAT}",
            f"{_growth(course):.2f}",
            reached=_growth(course) <= FLAT,
        ),
    ]


ROWS: dict[str, Callable[[Figures], list[Row]]] = {
    "sofmattress": _sofmattress_rows,
    "bitext": _bitext_rows,
    "fewshot": _fewshot_rows,
    "sentiment": _sentiment_rows,
    "latency": _latency_rows,
    "memory": _memory_rows,
}


def _introduction(figures: Figures) -> list[str]:
    host = figures["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in host["versions"].items())
    return [
        *_paragraph(
            "Made by `make bench-nlu`: `IntentSentimentClassifier` (preset `balanced`) against Rasa's default pipeline "
            "with DIET (100 epochs), on the same machine in one run, both with `FallbackClassifier` at threshold 0.5. "
            "**Everything was chosen on training data; the test files were used for this table alone.** The exceptions "
            "are marked: thresholds of others that were picked on the test data, in their favour."
        ),
        "",
        *_paragraph(
            f"Machine: {host['processor']}, {host['cores']} cores, {host['memory_gb']:.0f} GB, "
            f"{'GPU ' + host['gpu'] if host['gpu'] else 'no GPU'}, {host['system']}. Python {host['python']}, "
            f"{versions}. Times depend on the machine; compare the ratios."
        ),
    ]


def _peers(figures: Figures) -> list[str]:
    part = figures["sofmattress"]
    lines = [
        ("ours", "as shipped", part["ours"]["inscope_before_fallback"], part["ours"]["shipped"]),
        ("DIET", "the same", part["diet"]["inscope_before_fallback"], part["diet"]["shipped"]),
        ("DIET", "test data", part["diet"]["inscope_before_fallback"], part["diet"]["best"]),
        *((f"{row['system']} (published)", "test data", None, row) for row in part["peers"]),
    ]
    header = ("system", "threshold", "chosen on", "in scope, before fallback")
    names = {
        "mcc": "MCC",
        "accuracy": "accuracy",
        "weighted_f1": "weighted F1",
        "oos_recall": "out-of-scope recall",
        "inscope_accuracy": "in scope, after fallback",
    }
    rows = [
        [
            name,
            f"{row['threshold']:.2f}",
            chosen,
            NONE if before is None else f"{before:.3f}",
            *(f"{row[key]:.3f}" for key in names),
        ]
        for name, chosen, before, row in lines
    ]
    return [
        "## SOFMattress and its published systems",
        "",
        *_paragraph(
            f"{part['train']} training examples, {part['distinct']} of them distinct, which is what Rasa keeps; "
            f"{part['test']} test messages of customers, {part['in_scope']} of them in scope. A message out of "
            "scope is right when the fallback takes it. Published systems stand at their best threshold by MCC."
        ),
        "",
        *_table((*header, *names.values()), rows),
        "",
        "![Accuracy by confidence, ours and DIET](images/reliability.svg)",
        "",
        *_paragraph(
            "Messages in scope by confidence before the fallback, in ten bins; the numbers above the bars count them. "
            "On the dashed line, confidence is as good as its word. The calibration error is the mean distance from it."
        ),
    ]


def _presets(figures: Figures) -> list[str]:
    diet = figures["sofmattress"]["training_seconds"]["diet"] if "sofmattress" in figures else None
    rows = [
        [
            f"`{name}`",
            f"{part['inscope_before_fallback']:.3f}",
            f"{part['shipped']['mcc']:.3f}",
            f"{part['shipped']['accuracy']:.3f}",
            f"{part['calibration_error']:.3f}",
            f"{part['training_seconds']:.0f} s",
            NONE if diet is None else f"{part['training_seconds'] / diet:.2f}",
        ]
        for name, part in figures["presets"].items()
    ]
    scores = ("in scope, before fallback", "MCC", "accuracy", "calibration error")
    header = ("preset", *scores, "training", "of DIET's time")
    return ["## Presets", "", "On SOFMattress, with the fallback at 0.5.", "", *_table(header, rows)]


def _memory(figures: Figures) -> list[str]:
    rows = []
    for name, title in NAMES.items():
        serving, again = figures["memory"][name]["serving"], figures["memory"][name]["reload"]["course_mb"]
        course = serving["course_mb"]
        steps = (serving["imported_mb"], serving["loaded_mb"], serving["peak_mb"], course[0], course[-1])
        middle = again[len(again) // 2]
        rows.append([title, *map(_mb, steps), " / ".join(f"{value:.0f}" for value in (again[0], middle, again[-1]))])
    every, count = (figures["memory"]["ours"]["serving"][name] for name in ("every", "course_mb"))
    reloads = len(figures["memory"]["ours"]["reload"]["course_mb"]) - 1
    header = (
        "process",
        "Rasa imported",
        "model loaded",
        f"peak, {every:,} messages",
        f"after {every:,}",
        f"at the end (ours: {every * len(count):,})",
        f"first load / {reloads // 2} / {reloads} reloads, MB",
    )
    return ["## Memory", "", *_table(header, rows), "", *_tensorflow(figures["memory"])]


def _tensorflow(part: Figures) -> list[str]:
    ours, diet = (part[name]["serving"] for name in NAMES)
    text = (
        f"In the end the process has loaded: ours {', '.join(ours['modules']) or 'none'}; DIET "
        f"{', '.join(diet['modules']) or 'none'}. "
    )
    if "tensorflow" in ours["imported_modules"]:
        text += (
            f"Importing Rasa with its own components loads TensorFlow and takes {_mb(ours['imported_mb'])} in both "
            f"processes, whatever the pipeline; what comes on top of it at the peak is "
            f"{_mb(ours['peak_mb'] - ours['imported_mb'])} for ours and "
            f"{_mb(diet['peak_mb'] - diet['imported_mb'])} for DIET. "
        )
    return _paragraph(text + "Messages are shuffled words of the test messages; one in ten is random Unicode.")


SECTIONS: dict[str, Callable[[Figures], list[str]]] = {
    "sofmattress": _peers,
    "presets": _presets,
    "memory": _memory,
}


def _notes(figures: Figures) -> list[str]:
    notes = [
        "A training's time is that of `rasa.model_training.train_nlu` in a fresh process, without Rasa's cache; "
        "loading PyTorch counts as ours.",
        "MCC counts out of scope as one more class. DIET trains without a fixed seed, as Rasa ships it: its figures "
        "vary a little from run to run.",
    ]
    for part, note in NOTES.items():
        if part in figures:
            notes.append(note(figures[part]))
    notes.append("Raw figures are in [nlu.json](../benchmarks/results/nlu.json), made by the same run.")
    items = [line for note in notes for line in _paragraph(note, "- ")]
    return ["## How it was measured", "", *items, "", "```sh", "make bench-nlu SHOPLLM_SHARED=../shared", "```"]


def _bitext_note(part: Figures) -> str:
    return (
        f"Bitext: {part['train']} training and {part['test']} test utterances of {part['intents']} intents, without "
        f"their entities; accuracy before the fallback. {part['repeated']} test utterances stand in the training data "
        f"as they are, {part['nearly_repeated']} but for capitals and spaces; they stay. The few examples are drawn "
        "from the training file with `random.Random(seed)`; the spread is the standard deviation over the draws."
    )


def _sentiment_note(part: Figures) -> str:
    recall = part["recall"]
    return (
        f"Product reviews: {part['test']} sentences, half of them positive. Our classifier with the demo bot's own "
        "options and examples; positive when that score is above negative's. Recall: "
        f"{recall['positive']:.3f} of the positive, {recall['negative']:.3f} of the negative. DIET has no sentiment. "
        "Whether sentiment costs intents: the same draws of Bitext trained with the demo shop's reviews too; the "
        "difference is to the same draws without."
    )


def _latency_note(part: Figures) -> str:
    return (
        "`parse_message`: trained on SOFMattress, its first test messages after a warm-up, "
        f"{len(part['ours'])} processes a system in turns; the median of their percentiles."
    )


NOTES: dict[str, Callable[[Figures], str]] = {
    "bitext": _bitext_note,
    "sentiment": _sentiment_note,
    "latency": _latency_note,
}


def _cells(row: Row) -> list[str]:
    reached = NONE if row.reached is None else "yes" if row.reached else "**no**"
    return [row.what, row.target or NONE, row.ours, row.diet, row.comparison, reached]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    line = "|---|" + "---:|" * (len(header) - 1)
    return ["| " + " | ".join(header) + " |", line, *("| " + " | ".join(row) + " |" for row in rows)]


def _paragraph(text: str, mark: str = "") -> list[str]:
    """Breaks a paragraph, or an item of a list, into lines."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _time_row(what: str, seconds: Figures, most: float | None = None) -> Row:
    ratio = seconds["ours"] / seconds["diet"]
    target, reached = (None, None) if most is None else (f"≤ {most}", ratio <= most)
    return Row(what, target, f"{seconds['ours']:.0f} s", f"{seconds['diet']:.0f} s", f"{ratio:.2f}", reached)


def _difference(ours: float, other: float, digits: int = 3) -> str:
    return f"{ours - other:+.{digits}f}"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


def _growth(course: Sequence[float]) -> float:
    return course[-1] / course[0]


def _mb(value: float) -> str:
    return f"{value:,.0f} MB"
