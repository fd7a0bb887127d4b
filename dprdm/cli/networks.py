"""Feature networks by short name on the command line, and the arguments of `test` before they are parsed."""

import difflib

from dprdm.errors import UnknownPlugin

NETWORKS = {
    "efficientnet": "dprdm.metrics.networks.EfficientNetLite0",
    "inception": "dprdm.metrics.networks.Inception",
    "timm": "dprdm.metrics.networks.TimmFeatures",
    "clip": "dprdm.metrics.networks.OpenClipFeatures",
    "demo": "dprdm.metrics.demo_classifier.DemoClassifier",
}
OPTIONS = ("--features", "--judge")


def network_path(name: str) -> str:
    """The class path that `name` means: a short name, or a class path already.

    Raises:
        UnknownPlugin: if it is neither; the sentence lists what there is, and the nearest.
    """
    if "." in name or name.startswith("{"):
        return name
    for short, path in NETWORKS.items():
        if name in {short, path.rpartition(".")[2]}:
            return path
    nearest = difflib.get_close_matches(name, NETWORKS, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise UnknownPlugin(f"no feature network is called {name!r}. Known: {', '.join(NETWORKS)}.{hint}")


def expand_networks(arguments: list[str]) -> list[str]:
    """Arguments in which `--features inception` names the full class path; the same for `--judge`."""
    expanded: list[str] = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if expanded and expanded[-1] in OPTIONS:
            expanded.append(network_path(argument))
        elif equals and option in OPTIONS:
            expanded.append(f"{option}={network_path(value)}")
        else:
            expanded.append(argument)
    return expanded
