"""TEMPORARY until test.py lands."""
import hashlib, json
from dataclasses import dataclass, asdict
import numpy as np, torch
from dprdm.data.source import ImageSource
from dprdm.encoders.clip import ClipEncoder
from dprdm.files import read_json, write_text
from dprdm.metrics.evaluation import Evaluation
from dprdm.metrics.networks import EfficientNetLite0
from dprdm.metrics.demo_classifier import DemoClassifier
from dprdm.rendered import RenderedRun
from dprdm.results import Row, row_from_json
@dataclass(frozen=True)
class Measuring:
    real: ImageSource
    metrics: list[str]
    resamples: int = 50
    def opened(self):
        names = tuple(self.real.prompts())
        images = torch.from_numpy(np.stack([np.asarray(self.real.image(i)) for i in range(len(self.real))]))[:, None]
        labels = torch.tensor([names.index(self.real.caption(i)) for i in range(len(self.real))])
        return Measured(Evaluation(images, labels, names, EfficientNetLite0(), tuple(self.metrics), self.resamples, False, ClipEncoder(), DemoClassifier()))
@dataclass(frozen=True)
class Measured:
    evaluation: Evaluation
    def row(self, run: RenderedRun, name: str) -> Row:
        path = run.folder / "row.json"
        key = hashlib.sha256(run.images().tobytes() + repr((self.evaluation.metrics, self.evaluation.resamples)).encode()).hexdigest()
        before = read_json(path) if path.exists() else {}
        if before.get("key") != key:
            before = {"key": key, "row": asdict(self.evaluation.row(run, name))}
            write_text(path, json.dumps(before))
        return row_from_json(before["row"])
