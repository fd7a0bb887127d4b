"""Membership inference: every mechanism, queried by an adversary and by a usual user, seen by vectors or by images."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from tqdm import tqdm

from dprdm import check
from dprdm.audit.likelihood import Members
from dprdm.audit.membership import RATIO, Attacked, both_attacks, measurements
from dprdm.audit.shadows import Pool, Seen, as_released, random_halves
from dprdm.audit.shadows import attack as attack_stores
from dprdm.data.stand_in import StandIn
from dprdm.figures.roc import RocLine, draw_rocs
from dprdm.guarantee.mechanism import Preparable, PrivacyMechanism, Terms
from dprdm.guarantee.plan import Plan, make_plan
from dprdm.privacy.budget import Budget
from dprdm.public.knowledge import PublicKnowledge, evenly
from dprdm.registry import create
from dprdm.runs.cached_arrays import Arrays, cached_arrays
from dprdm.runs.provenance import Provenance
from dprdm.runs.results import Picture, Row, Setting, Status
from dprdm.workflows.draw import InMemoryRenderer

# Rates of fewer false positives than this are left out of pictures: they are chance.
LEAST_ALARMS = 5
OWN, PROMPT = "own query", "class prompt"
Part: TypeAlias = Literal["released", "images"]
TITLES: dict[Part, str] = {
    "released": "Membership from released vectors",
    "images": "Membership from generated images",
}


def require_enough(mechanism: PrivacyMechanism, records: int) -> None:
    """Raise UserError unless there are as many records as the mechanism averages neighbours."""
    if mechanism.tuning is not None:
        check.in_range(1, records, k=mechanism.tuning.k)


@dataclass(frozen=True)
class AttackedMechanism:
    """A mechanism with its noise and its budget: one line of every picture."""

    name: str
    plan: Plan

    @property
    def status(self) -> Status:
        """What covers its releases."""
        return "private" if self.plan.is_private else "NON-PRIVATE"

    @property
    def settings(self) -> dict[str, Setting]:
        """Settings of a row of results."""
        plan = self.plan
        budget = {"epsilon": plan.budget.epsilon, "delta": plan.budget.delta} if plan.is_private else {}
        return {
            "mechanism": plan.mechanism.name,
            **budget,
            "queries": plan.num_queries,
            "noise_std": plan.noise_std,
            **({} if plan.mechanism.tuning is None else asdict(plan.mechanism.tuning)),
        }


def attacked_mechanism(
    mechanism: PrivacyMechanism, budget: Budget, num_queries: int, public: PublicKnowledge, records: int
) -> AttackedMechanism:
    """Plan a mechanism with the least noise that its budget allows for the queries about one candidate.

    Args:
        mechanism: may leave something open for public rows to decide.
        budget: of all answers about one candidate.
        num_queries: those answers.
        public: what mechanisms learn from.
        records: size of each store attacked.
    """
    require_enough(mechanism, records)
    if isinstance(mechanism, Preparable):
        mechanism = mechanism.prepare(public, Terms(budget, num_queries, records))
    plan = make_plan(mechanism, create("retriever", "exact"), budget, num_queries)
    setting = f"epsilon {budget.epsilon:g}" if mechanism.is_private else f"k {plan.tuning.k}"
    return AttackedMechanism(f"{mechanism.name}, {setting}", plan)


@dataclass(frozen=True, eq=False)
class MembershipStudy:
    """Membership attacks on stores that hold a random half of a stand-in each.

    Args:
        part: what the attacker sees; names files and rows.
        stand_in: all records.
        num_queries: answers about each candidate.
        trials: stores attacked; each is scored with the others as shadows.
        candidates: records attacked, evenly spaced.
        renderer: draws and looks at images; None: the released vectors themselves are looked at.
        seed: of the stores and the bootstrap, never of a private draw.
        out: folder of the pictures, and of what was measured.
    """

    part: Part
    stand_in: StandIn
    num_queries: int
    trials: int
    candidates: int
    renderer: InMemoryRenderer | None
    seed: int
    out: Path

    def run(self, attacked: Sequence[AttackedMechanism]) -> tuple[list[Row], list[Picture]]:
        """Attack every mechanism; return rows, and one picture for each kind of queries."""
        records = len(self.stand_in.rows)
        check.in_range(2, records, candidates=self.candidates)
        rng = np.random.default_rng(self.seed)  # noqa: TID251 - of the attacker's own stores
        is_in = random_halves(self.trials, records, rng)
        chosen = evenly(records, self.candidates)
        provenance = self._provenance(len(chosen))
        rows, pictures = [], []
        for queries, pool in self._pools(chosen):
            lines = []
            for mechanism in attacked:
                attacks = both_attacks(self._seen(mechanism, queries, pool, is_in), is_in[:, chosen])
                for attack in attacks:
                    numbers = tuple(measurements(attack, mechanism.plan, provenance, rng))
                    rows.append(Row(*self._heading(mechanism, queries, attack), numbers))
                lines.append(_line(mechanism, next(attack for attack in attacks if attack.attack == RATIO)))
            pictures.append(self._draw(queries, lines, is_in[:, chosen]))
        return rows, pictures

    def _pools(self, chosen: np.ndarray) -> Iterator[tuple[str, Pool]]:
        """Yield the adversary's queries and a usual user's, by name."""
        stand_in = self.stand_in
        yield OWN, Pool(stand_in.rows, chosen, stand_in.rows[chosen], np.arange(len(chosen)))
        yield PROMPT, Pool(stand_in.rows, chosen, stand_in.prompts, stand_in.class_of[chosen])

    def _seen(self, mechanism: AttackedMechanism, queries: str, pool: Pool, is_in: Members) -> Seen:
        """Release from every store, or read what was seen of it before."""
        name = f"{self.part}-{queries}-{mechanism.name}.npz".replace(" ", "-").replace(",", "")
        model = None if self.renderer is None else self.renderer.model
        depends = {
            "plan": mechanism.plan.public_fields(),
            "asked": [
                queries, self.num_queries, self.seed, *is_in.shape, len(pool.candidates), self.stand_in.fingerprint
            ],
            "drawn": None if model is None else [model.fingerprint(), model.settings()],
        }  # fmt: skip

        def measure() -> Arrays:
            with tqdm(total=len(is_in), desc=f"{self.part}, {queries}: {mechanism.name}", unit="store") as progress:
                see = as_released if self.renderer is None else self.renderer.embed
                return vars(attack_stores(pool, mechanism.plan, is_in, see, progress.update))

        return Seen(**cached_arrays(self.out / "kept" / name, depends, measure))

    def _heading(
        self, mechanism: AttackedMechanism, queries: str, attack: Attacked
    ) -> tuple[str, Status, dict[str, Setting]]:
        settings = {**mechanism.settings, "seen": self.part, "asked": queries, "attack": attack.attack}
        return f"{mechanism.name}; {self.part}, {queries}, {attack.attack}", mechanism.status, settings

    def _provenance(self, candidates: int) -> Provenance:
        identity = {} if self.renderer is None else self.renderer.encoder.identity
        material = "released vectors" if self.renderer is None else f"images through {identity['model']}"
        scores = candidates * self.trials
        return Provenance(
            f"{material}; {self.trials} stores",
            identity.get("weights_sha256", ""),
            "",
            scores,
            scores * self.num_queries,
            self.stand_in.is_private,
        )

    def _draw(self, queries: str, lines: Sequence[RocLine], is_member: Members) -> Picture:
        stores, candidates = is_member.shape
        title = f"{TITLES[self.part]}: {queries}"
        caption = f"Likelihood ratio over {stores} stores, {candidates} candidates; {queries}. Dotted: what the guarantee allows."
        stem = self.out / f"roc-{self.part}-{queries}".replace(" ", "-")
        draw_rocs(title, caption, lines, min(0.1, LEAST_ALARMS / (is_member.size / 2)), stem)
        ends = ", ".join(f"{line.label}: {_at_one_percent(line):.2f}" for line in lines)
        alt = f"ROC curves; true positive rate at 1% false positives: {ends}."
        return Picture(f"{stem.name}.png", f"{title}. {caption}", alt)


def _line(mechanism: AttackedMechanism, attack: Attacked) -> RocLine:
    plan = mechanism.plan
    costs = plan.epsilons() if plan.is_private else None
    return RocLine(mechanism.name, attack.curve(), None if costs is None else (costs.epsilon, costs.delta))


def _at_one_percent(line: RocLine) -> float:
    return float(line.curve.true_positive[line.curve.false_positive <= 0.01].max())
