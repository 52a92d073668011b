"""What backends that follow prompts share: the messages of a request, and the draft of what comes back."""

import re

from shopllm_rasa.generation.backends import ChatMessage, Completion, Draft, GenerationRequest
from shopllm_rasa.generation.evidence import product_passage
from shopllm_rasa.generation.privacy import Redaction
from shopllm_rasa.generation.prompts import Prompts

NO_ANSWER = "NO_ANSWER"
MAX_REPLY_CHARACTERS = 2_000
# What a reasoning model thinks aloud is not meant for customers.
_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_SYSTEM, _STRICT_SYSTEM, _DATA = "answer.v1", "answer_strict.v1", "passages.v1"


def render(prompts: Prompts, request: GenerationRequest, shop_name: str) -> list[ChatMessage]:
    """The system message with the rules, and the user message with evidence and question as data."""
    passages = [hit.passage for hit in request.passages]
    known = {passage.page for passage in passages}
    passages += [product_passage(product) for product in request.products if product.name not in known]
    return prompts.messages(
        _STRICT_SYSTEM if request.strict else _SYSTEM,
        _DATA,
        shop_name=shop_name,
        sentiment=request.sentiment,
        history=request.history,
        passages=passages,
        question=request.question,
    )


def draft_of(completion: Completion, request: GenerationRequest, redaction: Redaction) -> Draft:
    """The draft of what a model wrote, with the customer's own data back in it."""
    text = _THOUGHTS.sub("", completion.text).strip()[:MAX_REPLY_CHARACTERS]
    tokens = (completion.prompt_tokens, completion.completion_tokens)
    if NO_ANSWER in text or not text:
        return Draft("", request.passages, *tokens, kind="decline")
    return Draft(redaction.restore(text), request.passages, *tokens)
