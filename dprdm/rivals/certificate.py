"""Certificates of privately trained weights, and of what is drawn from them."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from dprdm.errors import UserError
from dprdm.files import hash_file
from dprdm.generation.generator import Generator
from dprdm.guarantee.certificate import Certificate, code_version, ledger_entry, now
from dprdm.guarantee.description import describe
from dprdm.guarantee.statement import unit_in_words
from dprdm.privacy import events
from dprdm.privacy.ledger import Ledger
from dprdm.privacy.noise import SecureNoise
from dprdm.rivals.plan import TrainingPlan
from dprdm.runs.release_files import Release

# Weights carry their certificate under this name, so that it goes where they go.
NOTE = "private_training"


def certify_training(
    plan: TrainingPlan,
    fingerprint: str,
    noise: SecureNoise,
    ledger: Ledger,
    delta_is_default: bool,
    unit_is_person: bool,
    prv: float | None = None,
) -> Certificate:
    """Return the certificate that weights carry: all but the hash of their own file, which `certify_weights` adds.

    Args:
        fingerprint: of the private store whose images were trained on.
        unit_is_person: what that store's manifest says; each person then has one image at most.
        prv: what Opacus' accountant says of the same event, for the record.
    """
    costs = plan.epsilons()
    return Certificate(
        status="private",
        unit=unit_in_words(unit_is_person, 1),
        relation="add or remove one unit",
        epsilon=costs.epsilon if math.isfinite(costs.epsilon) else None,
        delta=plan.budget.delta,
        delta_is_default=delta_is_default,
        num_queries=1,
        mechanism=describe(plan.mechanism),
        retriever={"name": "none", "class": "", "fields": {}},
        noise_std=plan.noise_std,
        sensitivity=plan.sensitivity,
        noise_multiplier=plan.noise_multiplier,
        max_per_unit=1,
        event=events.to_json(plan.event()),
        accountants={**costs.to_json(), "prv": prv},
        store_fingerprint=fingerprint,
        ledger=ledger_entry(ledger),
        conditions_sha256="",
        rng=noise.source,
        code_version=code_version(),
        created=now(),
    )


def certify_weights(training: Certificate, weights: Path) -> Certificate:
    """Return the certificate of a file of weights."""
    return dataclasses.replace(training, weights={"file": weights.name, "sha256": hash_file(weights)})


def certify_drawn(training: Certificate, certificate: Certificate) -> Certificate:
    """Return the certificate of images drawn from privately trained weights for conditions that read nothing private.

    Args:
        training: of the weights.
        certificate: of the conditions.
    Raises:
        UserError: if the conditions cost something themselves: nothing here adds the two costs up.
    Guarantee:
        - Images of privately trained weights never pass for epsilon 0
          (tests/workflows/test_fine_tune.py::test_images_of_trained_weights_state_the_trainings_epsilon).
    """
    if certificate.weights is not None and certificate.weights == training.weights:
        return certificate  # written already
    if certificate.status != "reads no private record":
        raise UserError(
            "Expected conditions that read no private record: these weights were trained on private images, and one "
            "certificate cannot state both costs. Draw with --retriever public, or use public weights."
        )
    return dataclasses.replace(
        training,
        num_queries=certificate.num_queries,
        retriever=certificate.retriever,
        conditions_sha256=certificate.conditions_sha256,
        created=now(),
    )


def training_of(generator: Generator) -> Certificate | None:
    """Return the certificate of the private training that a generator's weights come from; None of public weights."""
    training = from_note(generator.weights_metadata)
    if training is None or generator.weights_file is None:
        return training
    return certify_weights(training, generator.weights_file)


def require_public_release(generator: Generator, reads_private: bool) -> None:
    """Refuse, before anything is charged or written, to draw a release that costs something with weights that did.

    Args:
        reads_private: whether the release reads private records, now or when it was made.
    """
    if reads_private and NOTE in generator.weights_metadata:
        raise UserError(
            "Expected --retriever public: these weights were trained on private images, which has its own cost, and one "
            "certificate cannot state two."
        )


def cover_weights(release: Release, generator: Generator) -> Release:
    """Return the release with a certificate that also covers the weights that its images are drawn with.

    Raises:
        UserError: as `certify_drawn` does.
    """
    if NOTE not in generator.weights_metadata:
        return release
    training = training_of(generator)
    assert training is not None  # the note says so
    return dataclasses.replace(release, certificate=certify_drawn(training, release.certificate))


def to_note(certificate: Certificate) -> dict[str, str]:
    """Return the metadata that a file of weights carries."""
    return {NOTE: json.dumps(asdict(certificate))}


def from_note(metadata: Mapping[str, str]) -> Certificate | None:
    """Return the certificate that a file of weights carries; None of weights that were trained on public images alone."""
    if NOTE not in metadata:
        return None
    try:
        return Certificate(**json.loads(metadata[NOTE]))
    except (TypeError, ValueError) as error:
        raise UserError("Expected weights with a certificate of their training; it is damaged.") from error
