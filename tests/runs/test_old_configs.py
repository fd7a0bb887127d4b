"""What runs of version 0.4 have left still opens."""

import pytest
import yaml

from dprdm.registry import import_class
from dprdm.resources import CONFIGS
from dprdm.runs.old_configs import current_config

OLD = """
mechanism: {class_path: plugins.mechanisms.gaussian.Gaussian, init_args: {k: 50}}
private: {class_path: dprdm.data.fashion.FashionDemo, init_args: {split: private}}
model:
  class_path: dprdm.model.RetrievalDiffusion
  init_args: {first_stage: {class_path: dprdm.diffusion.first_stage.HaarBlocks}}
data:
  class_path: dprdm.data.datamodule.NeighbourDataModule
  init_args:
    source: {class_path: dprdm.data.fashion_mnist.FashionMnist, init_args: {split: public, root: data}}
    encoder: {class_path: dprdm.encoders.clip.ClipEncoder, init_args: {model: dprdm_demo_clip, device: cpu, batch_size: 32}}
trainer: {callbacks: [{class_path: dprdm.callbacks.Export, init_args: {path: out.safetensors}}]}
eps: 10.0
"""


def paths(config):
    if isinstance(config, list):
        return [path for item in config for path in paths(item)]
    if not isinstance(config, dict):
        return []
    found = [path for value in config.values() for path in paths(value)]
    return [config["class_path"], *found] if "class_path" in config else found


def test_every_class_of_an_old_config_is_there():
    config = current_config(yaml.safe_load(OLD))
    for path in paths(config):
        assert import_class(path).__module__ == path.rpartition(".")[0]
    assert config["eps"] == 10.0 and config["mechanism"]["init_args"] == {"k": 50}


def test_parts_that_were_the_demos_are_the_demos():
    data = current_config(yaml.safe_load(OLD))["data"]["init_args"]
    settings = {"device": "cpu", "batch_size": 32}
    assert data["encoder"] == {"class_path": "dprdm.demo.encoder.DemoEncoder", "init_args": settings}
    assert data["source"] == {"class_path": "dprdm.demo.fashion.PublicFashion", "init_args": {"root": "data"}}


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.yaml")))
def test_a_config_of_this_version_stays_as_it_is(name):
    config = yaml.safe_load((CONFIGS / name).read_text())
    assert current_config(config) == config
