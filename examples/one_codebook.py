"""One codebook for ever: a single release answers every later query, on machines that never see the private images.

python examples/one_codebook.py [FOLDER]
"""

import sys
from pathlib import Path

import dprdm
from dprdm.demo.fashion import FashionDemo

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples/one_codebook")
encoder = dprdm.load_encoder("demo")
private = dprdm.index(FashionDemo("heldout_dark"), encoder=encoder, out=folder / "private")
public = dprdm.index(FashionDemo("heldout"), encoder=encoder, out=folder / "public", kind="public")

# Where the private machine is: one payment.
plan = dprdm.plan(private, dprdm.Codebook(), epsilon=3, delta=1e-5, public=public)
run = dprdm.release(private, ["coat"], plan).save(folder / "run")
spent = dprdm.Ledger(private.ledger_path, private.fingerprint).spent()
print(f"Paid once: epsilon {spent.epsilon:.3g}.")

# Anywhere else, from the file alone: free, for any number of prompts.
codebook = dprdm.load_codebook(run / "codebook.safetensors")
release = dprdm.release_from_codebook(codebook, ["sandal", "bag", "dress"], encoder, releases_per_prompt=2)
images = dprdm.render(release, "demo.yaml")
print(f"{len(images)} images of prompts that were never charged; epsilon is still {release.certificate.epsilon:.3g}.")
