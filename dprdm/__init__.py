"""Private image collections in, synthetic images with a provable (epsilon, delta) guarantee out.

    store = dprdm.index("photos/", captions="captions.csv", encoder="ViT-L-14/openai", out="stores/mine")
    plan = dprdm.plan(store, dprdm.Gaussian(k=20, sampling_rate=0.02), epsilon=5, delta=1e-6, num_queries=200)
    release = dprdm.release(store, ["ankle boot", "bag"], plan)  # pays; requested again, free
    images = dprdm.render(release, generator="mine.safetensors", images_per_release=4)
    release.save("runs/first")

Names are imported when they are first used, so that `import dprdm` takes no time. Errors are in `dprdm.errors`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dprdm import errors as errors
    from dprdm.guarantee.certificate import Certificate as Certificate
    from dprdm.guarantee.plan import Plan as Plan
    from dprdm.guarantee.request import Request as Request
    from dprdm.plugins.denoisers.joint import Joint as Joint
    from dprdm.plugins.denoisers.none import NoDenoiser as NoDenoiser
    from dprdm.plugins.denoisers.public_prior import PublicPriorDenoiser as PublicPriorDenoiser
    from dprdm.plugins.mechanisms.centered import Centered as Centered
    from dprdm.plugins.mechanisms.codebook import Codebook as Codebook
    from dprdm.plugins.mechanisms.gaussian import Gaussian as Gaussian
    from dprdm.plugins.mechanisms.nonprivate import NonPrivate as NonPrivate
    from dprdm.plugins.retrievers.exact import Exact as Exact
    from dprdm.plugins.retrievers.faiss_flat import FaissFlat as FaissFlat
    from dprdm.plugins.retrievers.faiss_ivf import FaissIvf as FaissIvf
    from dprdm.plugins.retrievers.public import Public as Public
    from dprdm.privacy.budget import Budget as Budget
    from dprdm.privacy.ledger import Ledger as Ledger
    from dprdm.retrieval.store import PrivateStore as PrivateStore
    from dprdm.retrieval.store import PublicStore as PublicStore
    from dprdm.retrieval.store import Store as Store
    from dprdm.runs.release_files import Release as Release
    from dprdm.workflows.encoder_names import load_encoder as load_encoder
    from dprdm.workflows.evaluate import evaluate as evaluate
    from dprdm.workflows.generators import load_generator as load_generator
    from dprdm.workflows.index import index as index
    from dprdm.workflows.loaded_codebook import load_codebook as load_codebook
    from dprdm.workflows.measure import EvaluationSettings as EvaluationSettings
    from dprdm.workflows.options import PredictOptions as PredictOptions
    from dprdm.workflows.planning import plan as plan
    from dprdm.workflows.post_processing import PostProcessing as PostProcessing
    from dprdm.workflows.predict import predict as predict
    from dprdm.workflows.predict import release as release
    from dprdm.workflows.predict import release_from_codebook as release_from_codebook
    from dprdm.workflows.render import render as render
    from dprdm.workflows.train import fit as fit
    from dprdm.workflows.verify import verify as verify

__version__ = "0.5.0"

# Where each public name lives.
MODULES = {
    "Budget": "dprdm.privacy.budget",
    "Centered": "dprdm.plugins.mechanisms.centered",
    "Certificate": "dprdm.guarantee.certificate",
    "Codebook": "dprdm.plugins.mechanisms.codebook",
    "EvaluationSettings": "dprdm.workflows.measure",
    "Exact": "dprdm.plugins.retrievers.exact",
    "FaissFlat": "dprdm.plugins.retrievers.faiss_flat",
    "FaissIvf": "dprdm.plugins.retrievers.faiss_ivf",
    "Gaussian": "dprdm.plugins.mechanisms.gaussian",
    "Joint": "dprdm.plugins.denoisers.joint",
    "Ledger": "dprdm.privacy.ledger",
    "NoDenoiser": "dprdm.plugins.denoisers.none",
    "NonPrivate": "dprdm.plugins.mechanisms.nonprivate",
    "Plan": "dprdm.guarantee.plan",
    "PostProcessing": "dprdm.workflows.post_processing",
    "PredictOptions": "dprdm.workflows.options",
    "PrivateStore": "dprdm.retrieval.store",
    "Public": "dprdm.plugins.retrievers.public",
    "PublicPriorDenoiser": "dprdm.plugins.denoisers.public_prior",
    "PublicStore": "dprdm.retrieval.store",
    "Release": "dprdm.runs.release_files",
    "Request": "dprdm.guarantee.request",
    "Store": "dprdm.retrieval.store",
    "evaluate": "dprdm.workflows.evaluate",
    "fit": "dprdm.workflows.train",
    "index": "dprdm.workflows.index",
    "load_codebook": "dprdm.workflows.loaded_codebook",
    "load_encoder": "dprdm.workflows.encoder_names",
    "load_generator": "dprdm.workflows.generators",
    "plan": "dprdm.workflows.planning",
    "predict": "dprdm.workflows.predict",
    "release": "dprdm.workflows.predict",
    "release_from_codebook": "dprdm.workflows.predict",
    "render": "dprdm.workflows.render",
    "verify": "dprdm.workflows.verify",
}
__all__ = [*MODULES, "errors"]  # noqa: PLE0604 - strings all


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "errors":
        return importlib.import_module("dprdm.errors")
    if name not in MODULES:
        raise AttributeError(f"module 'dprdm' has no attribute {name!r}")
    value = getattr(importlib.import_module(MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, imported yet or not."""
    return sorted({*globals(), *__all__})
