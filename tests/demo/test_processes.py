import os
import signal
import sys
import time
from pathlib import Path

import pytest

from shopllm_rasa.demo.interruption import InterruptedDemo, Interruption
from shopllm_rasa.demo.processes import ChildProcess, stop_all, tail
from shopllm_rasa.errors import DemoError

# A child that starts a grandchild and says its id.
PARENT = """
import subprocess, sys, time
print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def runs(pid):
    """Whether a process is there and is not just a dead one that nobody has asked about."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def python(code, log, name="the child"):
    return ChildProcess(name, [sys.executable, "-c", code], log=log)


def test_a_stopped_child_is_gone(tmp_path):
    child = ChildProcess("the sleeper", ["sleep", "60"], log=tmp_path / "log")
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    stop_all([child])
    assert child.exit_code == -signal.SIGTERM
    assert not runs(child.pid)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks into /proc")
def test_what_a_child_started_is_stopped_with_it(tmp_path):
    with python(PARENT, tmp_path / "log") as child:
        wait_until(lambda: tail(child.log))
        grandchild = int(tail(child.log)[0])
        assert runs(grandchild)
    wait_until(lambda: not runs(grandchild))


def test_a_child_that_does_not_listen_is_killed(tmp_path):
    child = python(STUBBORN, tmp_path / "log")
    wait_until(lambda: tail(child.log))
    started = time.monotonic()
    stop_all([child], grace=0.5)
    assert child.exit_code == -signal.SIGKILL
    assert time.monotonic() - started < 5


def test_all_children_share_one_time_to_end(tmp_path):
    children = [python(STUBBORN, tmp_path / f"log{number}") for number in range(3)]
    wait_until(lambda: all(tail(child.log) for child in children))
    started = time.monotonic()
    stop_all(children, grace=1)
    assert time.monotonic() - started < 2.5


def test_stopping_twice_is_no_error(tmp_path):
    child = ChildProcess("the sleeper", ["sleep", "60"], log=tmp_path / "log")
    stop_all([child])
    stop_all([child])


def test_a_dying_child_is_reported_with_the_end_of_its_log(tmp_path):
    code = "import sys\nfor n in range(40): print('line', n)\nsys.exit(3)"
    with python(code, tmp_path / "rasa.log", "the Rasa server") as child, Interruption() as interruption:
        assert child.wait(interruption) == 3
        with pytest.raises(DemoError) as caught:
            child.require_alive()
    first, *rest = str(caught.value).splitlines()
    assert first == f"The Rasa server ended with exit code 3. The end of its log, '{tmp_path}/rasa.log':"
    assert rest == [f"  line {number}" for number in range(25, 40)]


def test_a_killed_child_is_reported_with_its_signal(tmp_path):
    with ChildProcess("the sleeper", ["sleep", "60"], log=tmp_path / "log") as child:
        child.require_alive()
        child.send(signal.SIGKILL)
        wait_until(lambda: child.exit_code is not None)
        with pytest.raises(DemoError, match="The sleeper ended by the signal SIGKILL"):
            child.require_alive()


def test_the_tail_of_a_long_log_is_read_without_the_rest(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff" * 1_000_000 + b"\nlast\n\n")
    assert tail(log)[-1] == "last"
    assert tail(tmp_path / "missing") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_waiting_and_the_child(tmp_path, number):
    before = signal.getsignal(number)
    with Interruption() as interruption:
        child = ChildProcess("the sleeper", ["sleep", "60"], log=tmp_path / "log")
        signal.raise_signal(number)
        with pytest.raises(InterruptedDemo), child:
            child.wait(interruption)
    assert child.exit_code is not None
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_child_ends_when_the_demo_is_killed(tmp_path):
    code = (
        "from pathlib import Path; import time\n"
        "from shopllm_rasa.demo.processes import ChildProcess\n"
        f"child = ChildProcess('the sleeper', ['sleep', '60'], log=Path({str(tmp_path / 'inner')!r}))\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with python(code, tmp_path / "log") as demo:
        wait_until(lambda: tail(demo.log), 30)
        sleeper = int(tail(demo.log)[0])
        assert runs(sleeper)
        os.kill(demo.pid, signal.SIGKILL)
        wait_until(lambda: not runs(sleeper))
