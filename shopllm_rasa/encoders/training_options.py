"""How a classifier is trained: the options, and three presets of them."""

from dataclasses import dataclass

from shopllm_rasa.errors import EncoderError


@dataclass(frozen=True)
class TrainingOptions:
    """How to fine-tune; wrong values are refused at once.

    Attributes:
        train_encoder: whether the encoder learns too, or the heads alone on its fixed vectors.
        epochs: passes over the data at most.
        patience: epochs without a better validation score before training stops.
        max_steps: bounds the epochs on large data; three are made in any case.
        batch_size: texts in a step.
        encoder_rate: learning rate of the encoder's last layer.
        layer_decay: factor on the rate for each layer further down.
        head_rate: learning rate of the heads.
        label_smoothing: share of each intent label spread over the others.
        sentiment_weight: factor on the sentiment loss.
        scale: factor on the cosines of the intent head.
        folds: trainings that leave out examples and whole intents, to calibrate the confidence; 0 for none.
        runs: final trainings, with different seeds, whose weights are averaged.
        max_length: tokens of a text that are read; None leaves the model's own.
        pooling: how token vectors become one: 'mean', 'cls' or 'max'; None leaves the model's own.
        prefix: put before every text.
        mend_typos: whether words of messages that nobody knows are replaced by those they are a typo of.
        quantize: whether to serve with int8 where that gives the same answers.
        seed: the same seed gives the same result on the same machine.

    Raises:
        EncoderError: naming the option and what is allowed.
    """

    train_encoder: bool = True
    epochs: int = 10
    patience: int = 4
    max_steps: int = 600
    batch_size: int = 32
    encoder_rate: float = 1.2e-4
    layer_decay: float = 1.0
    head_rate: float = 2e-3
    label_smoothing: float = 0.0
    sentiment_weight: float = 0.5
    scale: float = 20.0
    folds: int = 5
    runs: int = 1
    max_length: int | None = None
    pooling: str | None = None
    prefix: str = ""
    mend_typos: bool = True
    quantize: bool = True
    seed: int = 7

    def __post_init__(self) -> None:
        bounds: dict[str, tuple[float, float]] = {
            "epochs": (1, 1_000),
            "patience": (1, 1_000),
            "max_steps": (1, 1_000_000),
            "batch_size": (2, 512),
            "encoder_rate": (0, 0.1),
            "layer_decay": (0.1, 1),
            "head_rate": (0, 1),
            "label_smoothing": (0, 0.5),
            "sentiment_weight": (0, 10),
            "scale": (1, 100),
            "folds": (0, 20),
            "runs": (1, 10),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise EncoderError(f"The training option '{name}' is {value}; allowed are {low} to {high}.")
        if self.pooling not in (None, *POOLINGS):
            raise EncoderError(f"The pooling is '{self.pooling}'; allowed: {', '.join(POOLINGS)}.")


POOLINGS = ("mean", "cls", "max")

PRESETS: dict[str, TrainingOptions] = {
    "fast": TrainingOptions(train_encoder=False, epochs=60, patience=10, head_rate=1e-2),
    "balanced": TrainingOptions(),
    "best": TrainingOptions(epochs=20, patience=6, max_steps=1_500, runs=3),
}
