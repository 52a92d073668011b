"""The pages that `make bench-generation` writes."""

import textwrap
from typing import Any

# What is asked of generated replies, and in which row it stands.
TARGETS = {
    "correct": (">=", 0.90),
    "declined_rightly": (">=", 0.95),
    "declined_wrongly": ("<=", 0.05),
    "with_unsupported_facts": ("<=", 0),
    "first_try": (">=", 0.90),
}
ROWS = (
    ("correct", "answered correctly, of the answerable"),
    ("declined_wrongly", "declined, of the answerable"),
    ("declined_rightly", "declined (or told what there is instead), of the unanswerable"),
    ("with_unsupported_facts", "replies sent with a fact that their sources do not state"),
    ("first_try", "first drafts that pass the guard"),
    ("composed", "replies sent that the backend itself wrote"),
)
SPLITS = ("dev", "test", "all")


def page(results: dict[str, Any]) -> str:
    """The table."""
    lines = [
        "# Benchmarks of generated replies",
        "",
        f"Made by `make bench-generation` ({results['machine']}). Raw results, every reply among them:",
        "`benchmarks/results/generation.json`. Replies side by side: [generation-pairs.md](generation-pairs.md).",
    ]
    for name, write in (("quality", _quality), ("guard", _guard), ("latency", _latency), ("load", _load)):
        if name in results:
            part = results[name]
            busy = f", load average {part['load_average']}" if "load_average" in part else ""
            lines += ["", *write(part["figures"]), "", f"Measured on {part['date']}{busy}."]
    return "\n".join(lines) + "\n"


def _quality(figures: dict[str, Any]) -> list[str]:
    lines = [
        "## Questions",
        "",
        *_paragraph(
            "Questions of `benchmarks/data/demo_questions.jsonl` and `electronics_questions.jsonl`: direct ones,"
            " paraphrases, fragments, typos, follow-ups with their earlier turns, two questions in one, products, and a"
            " third that the data do not answer. `dev` was used for tuning; `test` was used for nothing but this table."
            " A reply is correct when every required fact stands in it. Unsupported facts are counted by a check of its"
            " own, which compares what was sent with the whole cited page or product (`benchmarks/fact_check.py`)."
        ),
    ]
    for name, part in figures.items():
        shop, backend = name.split("/")
        splits = part["splits"]
        counts = ", ".join(f"{split} {splits[split]['questions']}" for split in SPLITS)
        lines += ["", f"### {shop}, {backend}", "", f"Questions: {counts}.", ""]
        lines += ["| | dev | test | all | asked for |", "|---|---:|---:|---:|---:|"]
        for key, title in ROWS:
            target = _target(*TARGETS[key]) if key in TARGETS else ""
            lines.append(f"| {title} | {' | '.join(_shown(splits[split][key]) for split in SPLITS)} | {target} |")
        lines += ["", "| kind | questions | right |", "|---|---:|---:|"]
        for kind, rates in sorted(part["kinds"].items()):
            right = rates["correct"] if rates["answerable"] else rates["declined_rightly"]
            lines.append(f"| {kind.replace('_', ' ')} | {rates['questions']} | {_shown(right)} |")
    return lines


def _latency(figures: dict[str, Any]) -> list[str]:
    lines = ["## Time for a reply", "", "From the question to the checked reply, one question after the other.", ""]
    lines += ["| backend | replies | p50 ms | p95 ms |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | {row['n']} | {row['p50']:.0f} | {row['p95']:.0f} |" for name, row in figures.items()]
    return lines


def _guard(figures: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## The guard",
        "",
        *_paragraph(
            "Its own errors on replies of `benchmarks/data/guard_cases.jsonl`, corrupted by hand or sound, beside the"
            " section they were written from and three more. Its limits were chosen on `tune`."
        ),
        "",
        "| split | corrupted | let through | sound | refused |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in figures:
        through, refused = row["let_through"] / row["corrupted"], row["refused"] / row["sound"]
        lines.append(
            f"| {row['split']} | {row['corrupted']} | {row['let_through']} ({_shown(through)})"
            f" | {row['sound']} | {row['refused']} ({_shown(refused)}) |"
        )
    return lines


def _load(figures: dict[str, Any]) -> list[str]:
    lines = [
        "## 20 customers at once",
        "",
        *_paragraph(
            f"{figures['customers']} customers with {figures['think_seconds']:.0f} s of thought between a reply and the"
            " next message; half greet, half ask questions. Both bots ran side by side and were loaded in turns."
        ),
        "",
        "| bot | greeting p50 ms | greeting p95 ms | question p50 ms | question p95 ms | messages | lost |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(("extractive", figures["backend"])):
        greeting, question = figures[name]["greeting"], figures[name]["question"]
        times = [greeting["p50"], greeting["p95"], question["p50"], question["p95"]]
        count, lost = greeting["n"] + question["n"], greeting["lost"] + question["lost"]
        lines.append(f"| {name} | {' | '.join(f'{time:.0f}' for time in times)} | {count} | {lost} |")
    slower = "Where questions take longer, their customers ask less often; read the ratio with the times beside it."
    ratio = f"A greeting's p95 with generation is {figures['ratio']} times that without (asked for: at most 1.5)."
    return [*lines, "", ratio, slower]


def pairs_page(part: dict[str, Any]) -> str:
    """Replies side by side, for people to read."""
    lines = [
        "# Replies side by side",
        "",
        *_paragraph(
            f"{len(part['figures'])} questions of the `test` split, as `make bench-generation` met them on"
            f" {part['date']}: the reply with the backend `{part['backend']}` and the quoted one (`extractive`). Not"
            " chosen for their beauty: each kind of question in turn. “sent by” names the backend whose text passed the"
            " guard."
        ),
    ]
    for number, pair in enumerate(part["figures"], start=1):
        lines += ["", f"## {number}. {pair['question']}", ""]
        if pair["history"]:
            lines += [f"*Before: {pair['history']}*", ""]
        lines += [
            f"*{pair['kind'].replace('_', ' ')}, {'right' if pair['right'] else 'wrong'}*",
            "",
            f"- **sent by {pair['by']}**: {pair['generated'] or '(declined)'}",
            f"- **quoted**: {pair['quoted'] or '(declined)'}",
        ]
    return "\n".join(lines) + "\n"


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def _target(sign: str, value: float) -> str:
    return f"{'≥' if sign == '>=' else '≤'} {_shown(value)}"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{100 * value:.1f} %" if 0 <= value <= 1 else f"{value:.1f}"
    return str(value)
