"""What is written beside the weights for people to read."""

from typing import Any

CARD_FILE = "README.md"
FIGURES_FILE = "figures.json"


def model_card(figures: dict[str, Any]) -> str:
    """The card in markdown.

    Args:
        figures: what `train` gives.
    """
    options = figures["options"]
    rows = "\n".join(f"| {name} | {value} |" for name, value in options.items())
    return f"""# The embedded generator

Writes short replies of a shop's bot from found passages: {figures["parameters"]:,} trained parameters on top of the
bundled all-MiniLM-L6-v2, stored as int8. Every number, name and thing in a reply is copied from the source; a closed
list of function words is all that it can write by itself. See docs/generator.md for the design.

## Data

Written for it, by a grammar in `shopllm_rasa/generation/embedded/training/topics`: {figures["topics"]} topics with
{figures["facts"]} facts, rendered with random values into {figures["examples"]:,} training examples
({figures["texts"]:,} different texts). No shop's pages and no customer's questions are among them.
{figures["validation_examples"]} examples of {len(figures["held_out_topics"])} topics
({", ".join(figures["held_out_topics"])}) were kept out of training to decide when to stop.

## Figures on the topics kept out

| measure | value |
| --- | --- |
| loss for each step | {figures["validation_loss"]} |
| probability of the right evidence and kind (geometric mean) | {figures["plan"]} |
| share where that is above one half | {figures["plan_right"]} |
| probability of the right unit (geometric mean) | {figures["unit"]} |
| steps until the best | {figures["steps"]} |
| minutes of training | {figures["minutes"]} |

Many questions have several good replies, so these probabilities stay below one however good it is.

## Options

| option | value |
| --- | --- |
{rows}

## Limits

- English only, replies of one to three sentences, six sentences of evidence at most.
- Facts are copied, but may be put together wrongly; polarity and numbers are checked afterwards, sense is not.
- Questions that compare, count or reason over several facts get the facts, not the conclusion.
"""
