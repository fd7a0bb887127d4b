"""Learning-rate schedules shared by the encoder's training and the generator's."""

import math


def learning_rate_factor(step: int, warmup: int, total: int | None) -> float:
    """Return a factor: linear from 0 to 1 over `warmup` steps, then 1, or a half cosine down to 0 at step `total`."""
    if step < warmup:
        return (step + 1) / warmup
    if total is None:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))
