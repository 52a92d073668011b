"""How well a passage fits a question: the decision between answering and admitting ignorance."""

import math

from shopllm_rasa.retrieval.knowledge_index import PassageHit

# A logistic regression on the development questions of benchmarks/data/demo_questions.jsonl, made by
# benchmarks/answerability.py. Fitted for the bundled encoder's cosines.
COSINE_WEIGHT = 6.42
COVERAGE_WEIGHT = 2.27
INTERCEPT = -3.52


def support(hit: PassageHit) -> float:
    """The estimated probability that a passage answers the question it was found for.

    Args:
        hit: a passage with its cosine and the share of the question's words that it has.

    Returns:
        A probability, 0 to 1.
    """
    logit = COSINE_WEIGHT * hit.score + COVERAGE_WEIGHT * hit.coverage + INTERCEPT
    return 1 / (1 + math.exp(-logit))
