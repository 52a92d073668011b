"""Rasa's own storage and context around our components."""

from pathlib import Path

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.importers.rasa import RasaFileImporter

NLU = (Path(__file__).parent / "nlu.yml").read_text(encoding="utf-8")


@pytest.fixture
def read_nlu(tmp_path):
    def read(text=NLU):
        file = tmp_path / "nlu.yml"
        file.write_text(text, encoding="utf-8")
        return RasaFileImporter(training_data_paths=[str(file)]).get_nlu_data()

    return read


@pytest.fixture
def storage(tmp_path):
    folder = tmp_path / "storage"
    folder.mkdir()
    return LocalModelStorage(folder)


@pytest.fixture
def context():
    return ExecutionContext(GraphSchema({}), "1")


@pytest.fixture
def resource():
    return Resource("component")
