import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "find-python"
SYSTEM_PATH = "/usr/bin:/bin"


def find(tmp_path, path=SYSTEM_PATH, **variables):
    environment = {"PATH": path, "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path / "pyenv"), **variables}
    return subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=30)


def make_python(folder, name, version="(3, 10)"):
    """A stand-in that prints its own path where the real one would, for the version it pretends to be."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    answer = f"echo {file}; exit 0" if version == "(3, 10)" else "exit 1"
    file.write_text(f"#!/bin/sh\n{answer}\n")
    file.chmod(0o755)
    return file


@pytest.mark.skipif(
    any(shutil.which(name, path=SYSTEM_PATH) for name in ("python3.10",)),
    reason="the system has a Python 3.10",
)
def test_without_python_3_10_it_says_why_and_how(tmp_path):
    found = find(tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert len(found.stderr.splitlines()) == 1
    for words in ("Python 3.10 is needed", "Rasa 3.6", "pyenv install 3.10", "PYTHON="):
        assert words in found.stderr


def test_a_named_one_comes_first(tmp_path):
    named = make_python(tmp_path / "mine with space", "python")
    make_python(tmp_path / "bin", "python3.10")
    found = find(tmp_path, f"{tmp_path}/bin:{SYSTEM_PATH}", PYTHON=str(named))
    assert (found.returncode, found.stdout.strip()) == (0, str(named))


def test_a_shim_that_does_not_run_is_passed_over(tmp_path):
    make_python(tmp_path / "shims", "python3.10", "none")
    real = make_python(tmp_path / "pyenv" / "versions" / "3.10.13" / "bin", "python3.10")
    found = find(tmp_path, f"{tmp_path}/shims:{SYSTEM_PATH}")
    assert (found.returncode, found.stdout.strip()) == (0, str(real))


def test_another_version_is_passed_over(tmp_path):
    make_python(tmp_path / "bin", "python3.10", "none")
    plain = make_python(tmp_path / "bin", "python3")
    found = find(tmp_path, f"{tmp_path}/bin:{SYSTEM_PATH}")
    assert found.stdout.strip() == str(plain)


def test_the_python_of_these_tests_is_accepted(tmp_path):
    import sys

    found = find(tmp_path, PYTHON=sys.executable)
    assert found.returncode == 0
    assert os.access(found.stdout.strip(), os.X_OK)
