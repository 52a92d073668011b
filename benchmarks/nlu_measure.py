"""One measurement of `nlu.py`, in a process of its own so that memory and times are clean.

Usage: python benchmarks/nlu_measure.py FOLDER

`FOLDER/job.json` says what to do; the result is written as `FOLDER/result.json`.
"""

import asyncio
import gc
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from nlu_data import FALLBACK, varied_messages

STATUS = Path("/proc/self/status")
PACKAGES = ("rasa", "tensorflow", "torch", "transformers", "sentence-transformers", "onnxruntime", "numpy")
HEAVY = ("tensorflow", "torch", "transformers", "onnxruntime")
WARM_UP = 30

Result = dict[str, Any]


def machine() -> Result:
    import torch

    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": names[0].split(":", 1)[1].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def train(
    folder: Path, pipeline: list[dict[str, Any]], examples: list[list[str]] | None = None, nlu: str | None = None
) -> Result:
    """Trains as `rasa train nlu` does, without a cache.

    Args:
        folder: takes the model.
        pipeline: of the config.
        examples: texts and their intents.
        nlu: instead of examples, a path to NLU files.
    """
    from rasa.model_training import train_nlu

    check_own_options(pipeline)
    config = folder / "config.yml"
    config.write_text(yaml.safe_dump({"recipe": "default.v1", "language": "en", "pipeline": pipeline}))
    if examples is not None:
        nlu = str(folder / "nlu.yml")
        write_nlu(examples, Path(nlu))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["RASA_CACHE_DIRECTORY"] = cache
        load, started = os.getloadavg()[0], time.perf_counter()
        model = train_nlu(str(config), nlu, str(folder), fixed_model_name="model")
        seconds = time.perf_counter() - started
    if model is None:
        raise SystemExit("Rasa trained nothing.")
    return {"seconds": seconds, "model": model, "model_mb": Path(model).stat().st_size / 2**20, "load_average": load}


def check_own_options(pipeline: Iterable[dict[str, Any]]) -> None:
    """Refuses options that our components do not know: Rasa passes them on, and they would do nothing."""
    from rasa.shared.utils.common import class_from_module_path

    for options in pipeline:
        if options["name"].startswith("shopllm_rasa."):
            class_from_module_path(options["name"]).validate_config(options)


def write_nlu(examples: Iterable[list[str]], path: Path) -> None:
    """Writes NLU examples by Rasa's own writer and reads them back to see that they survived.

    Rasa drops an example that repeats another in text and intent.
    """
    from rasa.shared.nlu.training_data.loading import load_data
    from rasa.shared.nlu.training_data.message import Message
    from rasa.shared.nlu.training_data.training_data import TrainingData

    data = TrainingData([Message.build(text=text, intent=intent) for text, intent in examples])
    path.write_text(data.nlu_as_yaml(), encoding="utf-8")
    read = Counter((item.get("text"), item.get("intent")) for item in load_data(str(path)).intent_examples)
    if read != Counter({(text, intent) for text, intent in examples}):
        raise SystemExit(f"{path}: Rasa reads other examples than were written.")


def predict(model: str, texts: list[str]) -> Result:
    """What the pipeline says of messages, before and after `FallbackClassifier`."""
    from rasa.core.agent import Agent

    agent = Agent.load(model)

    async def parse_all() -> list[dict[str, Any]]:
        return [_prediction(await agent.parse_message(text)) for text in texts]

    return {"predictions": asyncio.run(parse_all())}


def _prediction(parsed: dict[str, Any]) -> dict[str, Any]:
    ranking = [item for item in parsed["intent_ranking"] if item["name"] != FALLBACK]
    top = ranking[0] if ranking else {"name": None, "confidence": 0.0}
    return {
        "intent": parsed["intent"]["name"],
        "top": top["name"],
        "confidence": float(top["confidence"]),
        "sentiment": parsed.get("sentiment"),
    }


def latency(model: str, texts: list[str]) -> Result:
    """Milliseconds of `Agent.parse_message`, one for each message."""
    from rasa.core.agent import Agent

    load = os.getloadavg()[0]
    started = time.perf_counter()
    agent = Agent.load(model)
    loading = time.perf_counter() - started

    async def parse_all() -> list[float]:
        for text in texts[:WARM_UP]:
            await agent.parse_message(text)
        times = []
        for text in texts:
            before = time.perf_counter()
            await agent.parse_message(text)
            times.append((time.perf_counter() - before) * 1000)
        return times

    return {"milliseconds": asyncio.run(parse_all()), "loading_seconds": loading, "load_average": load}


def memory(model: str, texts: list[str], peak_after: int, count: int) -> Result:
    """Megabytes of a process that serves.

    Args:
        model: path of the model.
        texts: what the messages are made of.
        peak_after: messages after which the peak is read.
        count: messages in all.
    """
    # Rasa imports all of its own components, whatever the pipeline.
    import rasa.engine.recipes.default_components  # noqa: F401
    from rasa.core.agent import Agent

    imported, imported_modules = _megabytes("VmRSS"), _heavy_modules()
    agent = Agent.load(model)
    loaded, peak, course = _megabytes("VmRSS"), 0.0, []

    async def parse_all() -> None:
        nonlocal peak
        for number, text in enumerate(varied_messages(texts, count), 1):
            await agent.parse_message(text)
            if number == peak_after:
                peak = _megabytes("VmHWM")
            if number % peak_after == 0:
                gc.collect()
                course.append(_megabytes("VmRSS"))

    asyncio.run(parse_all())
    return {
        "imported_mb": imported,
        "imported_modules": imported_modules,
        "loaded_mb": loaded,
        "peak_mb": peak,
        "every": peak_after,
        "course_mb": course,
        "modules": _heavy_modules(),
    }


def reload(model: str, texts: list[str], count: int) -> Result:
    """Megabytes after the first load and after each of `count` reloads; the old model is dropped as a server does."""
    from rasa.core.agent import Agent

    course = []
    agent = None
    for _ in range(count + 1):
        agent = Agent.load(model)
        for text in texts:
            asyncio.run(agent.parse_message(text))
        gc.collect()
        course.append(_megabytes("VmRSS"))
    return {"course_mb": course, "peak_mb": _megabytes("VmHWM")}


def configure_logging() -> None:
    """Logs as Rasa's command line does: without it, each message would be logged for debugging."""
    from rasa.utils.common import configure_logging_and_warnings
    from rasa.utils.log_utils import configure_structlog

    configure_logging_and_warnings()
    configure_structlog()


def _megabytes(field: str) -> float:
    """`VmRSS`, now, or `VmHWM`, the peak. Unlike getrusage's, it is not inherited from the process that started us."""
    if not STATUS.exists():
        raise SystemExit(f"Memory is read from {STATUS}, which is not there: leave out the part 'memory'.")
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def _heavy_modules() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main() -> None:
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    if job["task"] == "train":
        job["arguments"]["folder"] = folder
    configure_logging()
    tasks = {task.__name__: task for task in (machine, train, predict, latency, memory, reload)}
    result = tasks[job["task"]](**job["arguments"])
    (folder / "result.json").write_text(json.dumps({"key": job["key"], **result}), encoding="utf-8")


if __name__ == "__main__":
    main()
