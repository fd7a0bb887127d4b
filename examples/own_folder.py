"""Your own folder of images: one person may be on several, so the unit of privacy is a person.

    python examples/own_folder.py IMAGES CAPTIONS.csv [FOLDER]

CAPTIONS.csv has the columns file, caption and person. For photographs, name a CLIP of open_clip in place of the demo's, such as
encoder="ViT-L-14/openai", and a generator that was trained with it (`dprdm.fit`).
"""

import sys
from pathlib import Path

import dprdm

images, captions = Path(sys.argv[1]), Path(sys.argv[2])
folder = Path(sys.argv[3] if len(sys.argv) > 3 else "runs/examples/own_folder")
store = dprdm.index(images, captions, encoder="demo", out=folder / "store", group_column="person", max_per_group=2)
print(f"{len(store)} images of {store.num_units} persons.")

mechanism = dprdm.Gaussian(k=10, sampling_rate=0.2)
plan = dprdm.plan(store, mechanism, epsilon=8, delta=1e-4, num_queries=4)
print(f"One person moves a mean by at most {plan.sensitivity:.3g}; the noise is {plan.noise_std:.3g} a coordinate.")

release = dprdm.release(store, ["sneaker", "dress"], plan)
for image, request in zip(dprdm.render(release, "demo.yaml"), release.requests, strict=True):
    image.save(folder / f"{request.prompt}.png")
release.save(folder / "run")
print(f"The certificate in {folder / 'run'} protects {release.certificate.unit}.")
