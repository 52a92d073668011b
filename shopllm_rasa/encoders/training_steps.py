"""What the steps of every training have in common."""


def half_precision(device: str) -> bool:
    """Whether the processor multiplies in bfloat16 itself: a step then takes half the time or less."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def warm_up_and_decay(step: int, steps: int, warm_up: float = 0.1, least: float = 0.0) -> float:
    """The share of the highest learning rate: linear warm-up, then linear decay.

    Args:
        step: from 0.
        steps: of the whole training.
        warm_up: share of the steps in which it rises.
        least: below which it does not fall.
    """
    start = max(1, int(steps * warm_up))
    return (step + 1) / start if step < start else max(least, (steps - step) / max(1, steps - start))
