"""Replies by a language model in this process: any causal or sequence-to-sequence model of transformers."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shopllm_rasa.errors import GenerationError, SettingsError
from shopllm_rasa.generation.backends import ChatMessage, Completion, Draft, GenerationRequest
from shopllm_rasa.generation.privacy import Redactor
from shopllm_rasa.generation.prompted import draft_of, render
from shopllm_rasa.generation.prompts import Prompts
from shopllm_rasa.settings import TransformersSettings

logger = logging.getLogger(__name__)

MAX_QUEUE = 256


@dataclass
class _Job:
    """A prompt that waits for its text."""

    prompt: str
    max_tokens: int
    deadline: float
    future: "Future[Completion]" = field(default_factory=Future)


class TransformersBackend:
    """Writes with a local model; requests that wait at the same time are computed in one batch.

    Weights are read from safetensors only, and no code of a model's repository is run.

    Args:
        settings: model, device, number format, limits.
        shop_name: named in the prompt.
        prompts: a folder whose prompt files replace the shipped ones.

    Raises:
        SettingsError: if the model cannot be loaded as the settings say.
    """

    name = "transformers"

    def __init__(self, settings: TransformersSettings, shop_name: str, prompts: Path | None = None) -> None:
        self._settings = settings
        self._shop_name = shop_name
        self._prompts = Prompts(prompts)
        for strict in (False, True):
            render(self._prompts, GenerationRequest("", (), strict=strict), shop_name)
        self._model, self._tokenizer = _load(settings)
        self._jobs: deque[_Job] = deque()
        self._news = threading.Condition()
        self._worker: threading.Thread | None = None

    def answer(self, request: GenerationRequest) -> Draft:
        """See `GenerationBackend.answer`."""
        completion = self._write(render(self._prompts, request, self._shop_name), self._settings.max_tokens)
        return draft_of(completion, request, Redactor().begin())  # nothing leaves the process: nothing is hidden

    def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """See `CompletingBackend.complete`."""
        completion = self._write(messages, max_tokens)
        if not completion.text:
            raise GenerationError("The model wrote nothing.")
        return completion

    def _write(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        job = _Job(self._prompt(messages), max_tokens, time.monotonic() + self._settings.timeout_seconds)
        with self._news:
            if len(self._jobs) >= MAX_QUEUE:
                raise GenerationError("Too many requests wait for the model.")
            self._jobs.append(job)
            if self._worker is None or not self._worker.is_alive():
                # Started at the first request: a server that forks after loading would lose an earlier one.
                self._worker = threading.Thread(target=self._work, name="transformers-backend", daemon=True)
                self._worker.start()
            self._news.notify()
        try:
            return job.future.result(timeout=self._settings.timeout_seconds + 1)
        except FutureTimeoutError:
            job.future.cancel()
            raise GenerationError("The model took too long.") from None

    def _prompt(self, messages: Sequence[ChatMessage]) -> str:
        """The messages in the model's own chat format, or one after the other where it has none."""
        if not getattr(self._tokenizer, "chat_template", None):
            return "\n\n".join([*(message.content for message in messages), "Answer:"])
        chat = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return self._templated(chat)
        except Exception:  # noqa: BLE001 - a template raises its own errors; some know no system message
            joined = "\n\n".join(message.content for message in messages)
            return self._templated([{"role": "user", "content": joined}])

    def _templated(self, chat: list[dict[str, str]]) -> str:
        text: str = self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return text

    def _work(self) -> None:
        while True:
            with self._news:
                while not self._jobs:
                    self._news.wait()
                jobs = self._next_batch()
            waiting = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if not waiting:
                continue
            try:
                completions = self._generate(waiting)
            except GenerationError as error:
                for job in waiting:
                    job.future.set_exception(error)
            except Exception as error:  # noqa: BLE001 - whatever fails, no customer waits for ever
                logger.error("The local model failed: %s", type(error).__name__)
                for job in waiting:
                    job.future.set_exception(GenerationError(f"The model failed ({type(error).__name__})."))
            else:
                for job, completion in zip(waiting, completions, strict=True):
                    job.future.set_result(completion)

    def _next_batch(self) -> list[_Job]:
        """The oldest job and those that may be computed with it."""
        limit = self._jobs[0].max_tokens
        chosen = [job for job in self._jobs if job.max_tokens == limit][: self._settings.batch_size]
        for job in chosen:
            self._jobs.remove(job)
        return chosen

    def _generate(self, jobs: Sequence[_Job]) -> list[Completion]:
        import torch

        left = min(job.deadline for job in jobs) - time.monotonic()
        if left <= 0:
            raise GenerationError("The request waited too long for the model.")
        has_template = bool(getattr(self._tokenizer, "chat_template", None))
        # A chat template writes the special tokens itself.
        batch = self._tokenizer(
            [job.prompt for job in jobs], return_tensors="pt", padding=True, add_special_tokens=not has_template
        )
        lengths = [int(mask.sum()) for mask in batch["attention_mask"]]
        if max(lengths) > self._limit(jobs[0].max_tokens):
            raise GenerationError(f"The prompt has {max(lengths)} tokens, more than the model reads.")
        inputs = {name: batch[name].to(self._model.device) for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            output = self._model.generate(
                **inputs,
                max_new_tokens=jobs[0].max_tokens,
                max_time=left,
                do_sample=False,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        if not self._model.config.is_encoder_decoder:
            output = output[:, inputs["input_ids"].shape[1] :]
        if output.shape[1] < jobs[0].max_tokens and time.monotonic() >= min(job.deadline for job in jobs):
            raise GenerationError("The model took too long.")  # what it wrote may break off anywhere
        special = set(self._tokenizer.all_special_ids)
        texts = self._tokenizer.batch_decode(output, skip_special_tokens=True)
        return [
            Completion(text.strip(), length, sum(int(token) not in special for token in row))
            for text, length, row in zip(texts, lengths, output, strict=True)
        ]

    def _limit(self, max_tokens: int) -> int:
        limit = self._settings.max_prompt_tokens
        positions = getattr(self._model.config, "max_position_embeddings", None)
        if not isinstance(positions, int):
            return limit
        return min(limit, positions if self._model.config.is_encoder_decoder else positions - max_tokens)


def _load(settings: TransformersSettings) -> tuple[Any, Any]:
    import torch
    import transformers

    where = f"generation.transformers.model: '{settings.model}'"
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise SettingsError(f"generation.transformers.device: '{settings.device}' is not there; use 'auto' or 'cpu'.")
    dtype: Any = settings.dtype if settings.dtype != "auto" else "float32" if device == "cpu" else "auto"
    options: dict[str, Any] = {"revision": settings.revision, "trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(settings.model, **options)
        tokenizer = transformers.AutoTokenizer.from_pretrained(settings.model, padding_side="left", **options)
        name = "AutoModelForSeq2SeqLM" if config.is_encoder_decoder else "AutoModelForCausalLM"
        kind = getattr(transformers, name)
        model = kind.from_pretrained(
            settings.model,
            dtype=dtype,
            use_safetensors=True,
            quantization_config=_quantization(settings, device),
            **options,
        )
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        reason = str(error).strip().split("\n")[0][:300]
        raise SettingsError(f"{where} cannot be loaded: {reason}") from None
    if settings.quantization == "int8" and device == "cpu":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    elif settings.quantization == "none":
        model = model.to(device)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise SettingsError(f"{where} has neither a padding token nor one that ends a text.")
    return model.eval(), tokenizer


def _quantization(settings: TransformersSettings, device: str) -> Any:
    """The configuration for bitsandbytes; None where the weights stay as they are, or torch quantises them."""
    import transformers

    if settings.quantization == "none" or (settings.quantization == "int8" and device == "cpu"):
        return None
    if device == "cpu":
        raise SettingsError("generation.transformers.quantization: 'int4' needs a GPU; use 'int8' or 'none'.")
    is_int8 = settings.quantization == "int8"
    return transformers.BitsAndBytesConfig(load_in_8bit=is_int8, load_in_4bit=not is_int8)
