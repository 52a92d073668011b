import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from shopllm_rasa.errors import IndexBusyError
from shopllm_rasa.retrieval.writer_lock import WriterLock

HOLD = """
import sys, time
from pathlib import Path
from shopllm_rasa.retrieval.writer_lock import WriterLock
with WriterLock(Path(sys.argv[1]), "It", 5):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_another_process_is_told_who_holds_it(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(IndexBusyError) as caught, WriterLock(tmp_path / "lock", "The index 'i'", 0.2):
        pass
    assert f"The index 'i' is being changed by process {holder.pid} on " in str(caught.value)
    assert "waited 0.2 s. Try again when it has finished." in str(caught.value)


def test_it_is_free_when_its_holder_was_killed(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    os.kill(holder.pid, signal.SIGKILL)
    with WriterLock(tmp_path / "lock", "It", 30):
        pass


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with WriterLock(tmp_path / "lock", "It", 30):
            order.append("second")

    with WriterLock(tmp_path / "lock", "It", 0):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_lock_file_of_another_content(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    file.write_bytes(b"\xff[[")
    with WriterLock(file, "It", 0):
        file.write_bytes(b"\xff")
        with pytest.raises(IndexBusyError, match="by another process"), WriterLock(file, "It", 0):
            pass
