"""Runs measurements one after another, each in a process of its own, and keeps their results."""

import hashlib
import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nlu_measure

# Rasa tells its makers nothing and logs as it does by default; TensorFlow keeps its hints to itself.
ENVIRONMENT = {"RASA_TELEMETRY_ENABLED": "false", "LOG_LEVEL": "INFO", "TF_CPP_MIN_LOG_LEVEL": "3"}
LOG_LINES = 25
# Load average of a machine that does something else as well.
BUSY = 0.7


@dataclass(frozen=True)
class Job:
    """A measurement.

    Attributes:
        name: of its folder.
        task: a function of `nlu_measure`.
        arguments: of that function.
        needs: the training whose model it takes as the argument `model`.
        minutes: it takes about so long on two cores.
        drops_model: whether nobody needs that model any more.
        state: of what else the result depends on, such as the source of a component.
    """

    name: str
    task: str
    arguments: dict[str, Any]
    needs: "Job | None" = None
    minutes: float = 0.25
    drops_model: bool = False
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Changes with everything the result depends on."""
        source = inspect.getsource(getattr(nlu_measure, self.task))
        parts = [self.task, source, self.arguments, self.state, self.needs.key if self.needs else None]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Runner:
    """Runs jobs; a result that is there already is not measured again."""

    def __init__(self, work: Path, fresh: bool) -> None:
        self._work = work
        self._fresh = fresh
        self._done: set[str] = set()

    def result(self, job: Job) -> dict[str, Any] | None:
        """What the job gave in this run or, unless all is to be fresh, in an earlier one."""
        path = self._work / job.name / "result.json"
        if (self._fresh and job.name not in self._done) or not path.exists():
            return None
        result = json.loads(path.read_text(encoding="utf-8"))
        return result if result["key"] == job.key else None

    def run_all(self, jobs: Sequence[Job]) -> None:
        """Runs what has no result yet.

        Raises:
            SystemExit: when a job fails.
        """
        open_jobs = [job for job in jobs if self.result(job) is None]
        minutes = sum(job.minutes for job in open_jobs)
        _say(f"{len(jobs)} jobs, {len(jobs) - len(open_jobs)} of them done; about {minutes:.0f} minutes on two cores")
        if (load := os.getloadavg()[0]) > BUSY:
            _say(f"Other programs use the processor (load {load:.1f}): times will be off, ours and DIET's unequally.")
        for number, job in enumerate(open_jobs, 1):
            started = time.perf_counter()
            self._run(job)
            minutes -= job.minutes
            _say(
                f"[{number}/{len(open_jobs)}] {job.name}: {time.perf_counter() - started:.0f} s, "
                f"about {max(minutes, 0):.0f} minutes left"
            )

    def _run(self, job: Job) -> None:
        arguments = dict(job.arguments)
        if job.needs is not None:
            training = self.result(job.needs)
            if training is None or not Path(training["model"]).exists():
                self._run(job.needs)
                training = self.result(job.needs)
            arguments["model"] = training["model"]
        folder = self._work / job.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").unlink(missing_ok=True)
        content = {"key": job.key, "task": job.task, "arguments": arguments}
        (folder / "job.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        log = folder / "log.txt"
        with log.open("w", encoding="utf-8") as file:
            code = subprocess.call(
                [sys.executable, nlu_measure.__file__, str(folder)],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT},
            )
        if code != 0:
            _say("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]))
            _say(f"{job.name} failed with code {code}; all of its output is in {log}. The next run goes on from here.")
            raise SystemExit(1)
        self._done.add(job.name)
        if job.drops_model:
            Path(arguments["model"]).unlink()


def digest(paths: Sequence[Path]) -> str:
    """Changes with the content of files."""
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)]
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
