"""Release once, answer for ever: noisy counts and means of public cells, in one Gaussian release for all queries."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, final

from jaxtyping import Float, Int
from numpy import ndarray

from dprdm import check
from dprdm.codebook.answer import answer as answer_queries
from dprdm.codebook.estimate import Mixture, estimate
from dprdm.codebook.file import CodebookFile
from dprdm.codebook.partition import Partition, learn_partition
from dprdm.codebook.rehearsal import rehearse
from dprdm.codebook.sums import Weighting, cell_sums, split_weighting
from dprdm.errors import UserError
from dprdm.guarantee.mechanism import READING, OneRelease, OneReleaseMechanism, Preparable, Progress, Terms
from dprdm.privacy.distributions import GaussianNoise, Noise
from dprdm.privacy.noise import SecureNoise
from dprdm.public.knowledge import PublicKnowledge
from dprdm.retrieval.store import Store
from dprdm.types import Answered, Queries


@final
@dataclass(frozen=True)
class Codebook(OneReleaseMechanism, Preparable):
    """Count the private rows of every public cell, add up their clipped residuals from the cell's centroid, add noise.

    s_c = sum_{x in c} (clip(x - centroid_c), count_weight) + noise_std * z,  z ~ N(0, I), for the cells c of every level.

    That is paid for once. A query is answered from it by the mean of the share of the private rows nearest to it, as far
    as the noisy cells tell: free, for any number of queries. Cells, clipping and weights are chosen on public rows.

    Args:
        share: of the private rows, nearest to a query, that an answer averages.
        draws: cells that an answer averages, other ones for each replicate of a prompt, so that images vary; 0: all that
            the share touches, so that a prompt always gets the same answer.
        max_cells: most cells on the finest level.
        clip_norm: residuals are scaled down to this length. Chosen on public rows, as all that follow.
        count_weight: of one row in its cell's count, in the units of a residual.
        levels: resolutions that are released.
        fine_share: part of the squared weight that the finest of several levels gets.
        partition: file of the public cells.
        partition_sha256: of the cells in it.
    Guarantee:
        - Adding or removing one unit moves all sums together by at most `sensitivity`
          (tests/contracts/test_mechanisms.py::test_sensitivity_by_brute_force).
        - The cells are learnt from public rows, and a private row's cell depends on that row alone
          (tests/codebook/test_partition.py::test_a_rows_cells_depend_on_it_alone).
    """

    name: ClassVar[str] = "codebook"
    noise: ClassVar[Noise] = GaussianNoise()

    share: float = field(default=0.02, metadata=READING)
    draws: int = field(default=1, metadata=READING)
    max_cells: int = 4096
    clip_norm: float = 0.75
    count_weight: float = 0.75
    levels: int = 1
    fine_share: float = 1.0
    partition: str = ""
    partition_sha256: str = ""

    def __post_init__(self) -> None:
        check.positive(clip_norm=self.clip_norm)
        check.positive(count_weight=self.count_weight)
        check.in_range(0.0, 1.0, share=check.positive(share=self.share))
        check.at_least(0, draws=self.draws)
        check.at_least(1, max_cells=self.max_cells)
        check.at_least(1, levels=self.levels)
        check.in_range(0.0, 1.0, fine_share=check.positive(fine_share=self.fine_share))

    @property
    def weighting(self) -> Weighting:
        """Return how one row enters the sums."""
        return split_weighting(self.clip_norm, self.count_weight, self.levels, self.fine_share)

    def prepare(self, public: PublicKnowledge, terms: Terms) -> "Codebook":
        """Choose cells and weights on public rows, once for the same rows and terms; leave a partition that is given."""
        if self.partition:
            return self
        path = public.folder / f"codebook-{_digest(self, public, terms)}.safetensors"
        if not path.is_file():
            _choose(self, public, terms).save(path)
        chosen = CodebookFile.load(path)
        return dataclasses.replace(
            self, partition=str(path), partition_sha256=chosen.partition.sha256(), **chosen.metadata["fields"]
        )

    def sensitivity(self, max_per_unit: int = 1) -> float:
        """Return max_per_unit times what one row adds (`Weighting.row_norm`): all rows of a unit may lie in one cell."""
        return self.weighting.row_norm * check.at_least(1, max_per_unit=max_per_unit)

    def release(
        self, store: Store, noise_std: float, noise: SecureNoise, progress: Progress | None = None
    ) -> "ReleasedCodebook":
        """Return the noisy sums of all cells (float64). See `OneReleaseMechanism.release`."""
        self.noise.require_std(noise_std)
        partition = _partition(self.partition, self.partition_sha256)
        if partition.covariance.shape[0] != store.dim:
            raise UserError(f"Expected cells of rows of length {store.dim}, the store's; {self.partition} has others.")
        return self.restore(self.noise.add(cell_sums(store, partition, self.weighting), noise_std, noise), noise_std)

    def restore(self, array: Float[ndarray, "cell column"], noise_std: float) -> "ReleasedCodebook":
        """Return the codebook with these sums. See `OneReleaseMechanism.restore`."""
        return ReleasedCodebook(array, noise_std, self, _partition(self.partition, self.partition_sha256))


@final
@dataclass(frozen=True, eq=False)
class ReleasedCodebook(OneRelease):
    """Noisy sums of public cells, and how they are read.

    Args:
        array: the sums of all cells, float64.
        noise_std: of the noise in them.
        mechanism: that released them; its share and draws say how they are read.
        partition: the cells.
    """

    array: Float[ndarray, "cell column"]
    noise_std: float
    mechanism: Codebook
    partition: Partition

    def answer(self, queries: Queries, replicates: Int[ndarray, "query"]) -> Answered:
        """Return the mean of the nearest `share` of the rows, as the release tells it, for each query."""
        return answer_queries(self.mixture(), queries, replicates, self.mechanism.share, self.mechanism.draws)

    def save(self, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write cells and sums as one file, which answers by itself."""
        CodebookFile(self.partition, self.array, dict(metadata)).save(path)

    def mixture(self) -> Mixture:
        """Return the private collection, as the release tells it."""
        return estimate(self.array, self.partition, self.mechanism.weighting, self.noise_std)


@functools.lru_cache(maxsize=2)
def _partition(path: str, sha256: str) -> Partition:
    if not path:
        raise UserError("Expected a codebook with its public cells. `prepare` chooses them on public rows.")
    partition = CodebookFile.load(Path(path)).partition
    if partition.sha256() != sha256:
        raise UserError(f"The cells in {path} are not those of this codebook: their hash differs.")
    return partition


def _choose(settings: Codebook, public: PublicKnowledge, terms: Terms) -> CodebookFile:
    best, *_ = rehearse(public, terms, settings.share, settings.max_cells)
    names = ("clip_norm", "count_weight", "fine_share")
    fields = {**{name: getattr(best, name) for name in names}, "levels": len(best.sizes)}
    partition = learn_partition(public.thinned().rows, best.sizes)
    return CodebookFile(partition, None, {"fields": fields, "cosine": best.cosine})


def _digest(codebook: Codebook, public: PublicKnowledge, terms: Terms) -> str:
    """Names what a choice depends on: not the number of queries, which changes neither the cells nor the cost."""
    noise = [dataclasses.asdict(terms.budget), terms.records, terms.max_per_unit]
    settings = [codebook.share, codebook.max_cells, public.fingerprint, noise]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
