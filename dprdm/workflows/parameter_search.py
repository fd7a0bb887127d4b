"""Search k and sampling rate by rehearsal on public rows: no private record is read, so it costs nothing."""

from dataclasses import dataclass
from pathlib import Path

from dprdm.errors import UserError
from dprdm.guarantee import rehearsal
from dprdm.guarantee.mechanism import PrivacyMechanism
from dprdm.guarantee.rehearsal import Rehearsed
from dprdm.privacy.budget import Budget
from dprdm.privacy.noise import SecureNoise
from dprdm.retrieval.store import PublicStore

USUAL_TARGET = 20


@dataclass(frozen=True)
class ParameterSearch:
    """The settings that were rehearsed, best first, and on what.

    Args:
        settings: by the cosine between what is released and the target.
        store: folder of the public rows.
        dim: length of a row.
        rows: that were rehearsed on.
        queries: of them, those that were queries.
        target_k: neighbours in the mean that releases were compared with.
        records: size of the collection planned for; None: not known.
    """

    settings: tuple[Rehearsed, ...]
    store: Path
    dim: int
    rows: int
    queries: int
    target_k: int
    records: int | None


def search_parameters(
    store: PublicStore,
    mechanism: PrivacyMechanism,
    budget: Budget,
    num_queries: int,
    k: int | None = None,
    sampling_rate: float | None = None,
    records: int | None = None,
    max_per_unit: int = 1,
) -> ParameterSearch:
    """Rehearse the usual grid of settings, or the part of it that `k` and `sampling_rate` leave.

    Args:
        store: public rows.
        mechanism: with a k and a sampling rate.
        budget: of all queries.
        num_queries: to be paid for.
        k: None: all of the grid.
        sampling_rate: None: all of the grid.
        records: size of the collection; None: not known.
        max_per_unit: most records that one unit of privacy holds.
    Raises:
        UserError: if no sample of the collection would hold k records, or the mechanism has no such settings.
    """
    ks = rehearsal.KS if k is None else (k,)
    rates = rehearsal.SAMPLING_RATES if sampling_rate is None else (sampling_rate,)
    grid = rehearsal.settings_for(ks, rates, records)
    if not grid:
        raise UserError(
            f"No sampling rate up to {max(rates):g} finds k = {min(ks)} of {records} records. Use a smaller k."
        )
    target_k = USUAL_TARGET if k is None else k
    stage = rehearsal.SearchStage.of(store, target_k)
    settings = rehearsal.rehearse(stage, mechanism, budget, num_queries, grid, SecureNoise(), max_per_unit)
    return ParameterSearch(
        tuple(settings), store.path, store.dim, len(stage.rows), len(stage.rankings), target_k, records
    )
