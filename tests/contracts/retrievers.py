"""How the contract tests make a retriever of each kind."""

import dataclasses

import numpy as np

from dprdm.plugins.retrievers.faiss_ivf import train_quantizer
from dprdm.retrieval.retriever import Retriever
from tests.fakes import public_store, unit_rows

CELLS = 6


def learns_cells(plugin) -> bool:
    """Whether a retriever searches some cells of a quantizer only."""
    return "quantizer" in {field.name for field in dataclasses.fields(plugin)}


def make_retriever(plugin, path, dim, nprobe=CELLS) -> Retriever:
    """One with its defaults; where it needs a quantizer, with one of public rows, and `nprobe` cells searched."""
    if not learns_cells(plugin):
        return plugin()
    file = path / "quantizer.safetensors"
    if not file.exists():
        train_quantizer(public_store(path / "public-of-quantizer", unit_rows(200, dim, seed=77)), CELLS, file)
    return plugin(quantizer=file, nprobe=nprobe)


def clustered_rows(count, dim, seed=0):
    """Unit rows in clumps, as embeddings are, with twins among them."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(20, dim))
    rows = centres[generator.integers(20, size=count)] + 0.4 * generator.normal(size=(count, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[count // 2 : count // 2 + 30] = rows[:30]
    return rows.astype(np.float32)
