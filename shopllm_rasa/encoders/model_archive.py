"""Finds the trained classifier in a Rasa model archive, without Rasa."""

import contextlib
import gzip
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from shopllm_rasa.encoders.intent_model import DESCRIPTION_FILE
from shopllm_rasa.errors import EncoderError

ARCHIVE_ENDING = ".tar.gz"
# What Rasa 3 calls the folder of all components in an archive.
_COMPONENTS = "components"
# A bot with a large encoder has a few GB in some dozens of files; an archive beyond this was not made by training.
MAX_BYTES = 16 * 2**30
MAX_FILES = 10_000


@contextlib.contextmanager
def unpacked_classifier(path: Path) -> Iterator[Path]:
    """Gives the folder of the classifier in a model archive, for as long as the block lasts.

    Only the classifier's own files are unpacked. With two classifiers in the pipeline it is the later one, whose
    intent is the one that counts.

    Args:
        path: a `.tar.gz` that `rasa train` wrote, or a folder of them, of which the newest is taken.

    Raises:
        EncoderError: if there is no model, it is damaged, or holds no classifier. One that is raised in the block
            names the archive instead of the temporary folder.
    """
    archive = find_archive(path)
    with tempfile.TemporaryDirectory(prefix="shopllm-model-") as name:
        target = Path(name)
        _unpack(archive, target)
        try:
            yield target
        except EncoderError as error:
            raise EncoderError(str(error).replace(str(target), str(archive))) from error


def find_archive(path: Path) -> Path:
    """The archive itself, or the newest in a folder, as Rasa chooses it.

    Raises:
        EncoderError: if there is none.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise EncoderError(f"There is no model '{path}'. Train one (rasa train), or name another with --model.")
    archives = [file for file in path.glob(f"*{ARCHIVE_ENDING}") if file.is_file()]
    if not archives:
        raise EncoderError(
            f"There is no model ({ARCHIVE_ENDING}) in the folder '{path}'. Train one (rasa train), or name another "
            "with --model."
        )
    return max(archives, key=lambda file: file.stat().st_mtime)


def _unpack(archive: Path, target: Path) -> None:
    """Writes the classifier's files into the folder `target`.

    Raises:
        EncoderError: if the archive is damaged, is none, or holds no classifier.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            files = _plain_files(tar, archive)
            folder = _classifier_folder(files, archive)
            for place, member in files.items():
                if place.is_relative_to(folder):
                    _write(tar, member, target / place.relative_to(folder))
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise EncoderError(
            f"'{archive}' cannot be read as a Rasa model ({ARCHIVE_ENDING}): {error}. Train again (rasa train)."
        ) from error


def _plain_files(tar: tarfile.TarFile, archive: Path) -> dict[PurePosixPath, tarfile.TarInfo]:
    """The archive's files by their places; links, devices and places outside of the archive are left out.

    Raises:
        EncoderError: if there are too many files, or they are too large.
    """
    files: dict[PurePosixPath, tarfile.TarInfo] = {}
    total = 0
    for number, member in enumerate(tar, 1):
        total += max(0, member.size)
        if number > MAX_FILES or total > MAX_BYTES:
            raise EncoderError(
                f"'{archive}' is no model that rasa train wrote: allowed are {MAX_FILES:,} files and "
                f"{MAX_BYTES / 2**30:.0f} GB."
            )
        place = PurePosixPath(member.name)
        if member.isreg() and not place.is_absolute() and ".." not in place.parts:
            files[place] = member
    return files


def _classifier_folder(files: dict[PurePosixPath, tarfile.TarInfo], archive: Path) -> PurePosixPath:
    """The folder `components/NAME` that holds a classifier's description.

    Raises:
        EncoderError: if there is none.
    """
    folders = [
        place.parent
        for place in files
        if place.name == DESCRIPTION_FILE and len(place.parts) == 3 and place.parts[0] == _COMPONENTS
    ]
    if not folders:
        raise EncoderError(
            f"The model '{archive}' holds no trained IntentSentimentClassifier. Put "
            "'shopllm_rasa.nlu.IntentSentimentClassifier' into the pipeline of config.yml and train again (rasa train)."
        )
    return max(folders, key=_place_in_pipeline)


def _place_in_pipeline(folder: PurePosixPath) -> int:
    """Rasa ends a component's name with its number in the pipeline."""
    digits = re.search(r"\d+$", folder.name)
    return int(digits.group()) if digits else -1


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    if source is None:  # only files get here
        return
    with source, path.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
