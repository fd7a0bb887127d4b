"""A first release: index, plan, release, render, save, verify, and ask again for nothing.

    python examples/first_release.py [FOLDER]

The private images are garments of the embedded demo, so nothing needs to be at hand.
"""

import sys
from pathlib import Path

import dprdm
from dprdm.demo.fashion import FashionDemo

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples/first_release")
store = dprdm.index(FashionDemo("heldout_dark"), encoder="demo", out=folder / "store")
plan = dprdm.plan(store, dprdm.Gaussian(k=20, sampling_rate=0.05), epsilon=5, delta=1e-5, num_queries=20)
release = dprdm.release(store, ["ankle boot", "bag"], plan, releases_per_prompt=2)
images = dprdm.render(release, generator="demo.yaml", images_per_release=2)
run = release.save(folder / "run")
for number, image in enumerate(images):
    image.save(run / f"{number}.png")
print(*dprdm.verify(run, store).findings, sep="\n")

again = dprdm.release(store, ["ankle boot", "bag"], plan, releases_per_prompt=2)
assert again.receipt is not None
print(f"{len(images)} images in {run}. Epsilon {release.certificate.epsilon:.3g} of 5 is spent.")
print(
    f"Requested again: {again.receipt.num_charged} queries charged, {again.receipt.num_stored} from the stored release."
)
