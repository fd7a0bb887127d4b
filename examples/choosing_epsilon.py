"""Choosing epsilon on public images in the place of the private ones: looking costs nothing.

    python examples/choosing_epsilon.py [FOLDER]

For each epsilon: how near the released vectors are to what would have been released without noise.
"""

import sys
from pathlib import Path

import numpy as np

import dprdm
from dprdm.demo.fashion import FashionDemo
from dprdm.privacy.noise import SecureNoise

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples/choosing_epsilon")
prompts = list(FashionDemo("pool").prompts())
stand_in = dprdm.index(FashionDemo("heldout_dark"), encoder="demo", out=folder / "stand_in")

clean_plan = dprdm.plan(stand_in, dprdm.NonPrivate(k=20, sampling_rate=1.0), epsilon=100, delta=1e-5, num_queries=10)
clean = dprdm.release(stand_in, prompts, clean_plan).vectors
print("epsilon  noise_std  cosine to the clean means")
for epsilon in (0.3, 1, 3, 10):
    mechanism = dprdm.Gaussian(k=50, sampling_rate=0.05)
    plan = dprdm.plan(stand_in, mechanism, epsilon, delta=1e-5, num_queries=100)
    noisy = SecureNoise().gaussian(clean, plan.noise_std)
    cosines = (noisy * clean).sum(1) / np.linalg.norm(noisy, axis=1) / np.linalg.norm(clean, axis=1)
    print(f"{epsilon:7g}  {plan.noise_std:9.3g}  {cosines.mean():.3f}")
