"""Seeds of public draws: each draw of a training has its own, so that a resumed training draws what an unbroken one does."""

import hashlib
import os


def public_seed(*what: int | str) -> int:
    """Return 63 public bits that depend on --seed_everything (0 if unset) and on `what` is drawn. Never for a private draw."""
    text = ",".join(map(str, (os.environ.get("PL_GLOBAL_SEED", "0"), *what)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
