"""What was fitted to a model's curvature: projections of gradients that are divided by its root."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from xling.sketch.projection import Kronecker, Map, Projection, Scaled


@dataclasses.dataclass(frozen=True)
class Preconditioner:
    """Projections, by parameter, of gradients that are divided by the root of their curvature.

    Attributes:
        maps: parameter → its projection; those of the other parameters are the projection's own.
        weights: names the values of the model's parameters that it was fitted at.
        digest: names the projections.
    """

    maps: Mapping[str, Map]
    weights: str
    digest: str

    @classmethod
    def of(cls, maps: Mapping[str, Map], weights: str) -> "Preconditioner":
        """Return it with a digest of its projections."""
        digest = hashlib.blake2b(digest_size=8)
        for map in maps.values():
            for tensor in _tensors(map).values():
                digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
        return cls(maps, weights, digest.hexdigest())

    def write(self, file: Path) -> None:
        """Write it: a safetensors file."""
        tensors, about = {}, {}
        for name, map in self.maps.items():
            for key, tensor in _tensors(map).items():
                tensors[f"{name}|{key}"] = tensor.contiguous()
            about[name] = [map.stack, map.terms] if isinstance(map, Kronecker) else []
        words = {"maps": json.dumps(about), "weights": self.weights, "digest": self.digest}
        part = file.with_name(f"{file.name}.part")
        save_file(tensors, part, words)
        part.replace(file)

    @classmethod
    def read(
        cls, file: Path, projection: Projection, epoch: int, model: nn.Module
    ) -> "Preconditioner":
        """Read what was written for a model, projection and epoch."""
        with safe_open(file, "pt") as opened:
            words = opened.metadata()
            tensors: dict[str, dict[str, Tensor]] = {}
            for key in opened.keys():  # noqa: SIM118 (it is no mapping)
                name, _, part = key.rpartition("|")
                tensors.setdefault(name, {})[part] = opened.get_tensor(key)
        shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
        maps: dict[str, Map] = {}
        for name, numbers in json.loads(words["maps"]).items():
            if numbers:
                maps[name] = Kronecker(**tensors[name], stack=numbers[0], terms=numbers[1])
            else:
                maps[name] = Scaled(projection.of(name, shapes[name], epoch), **tensors[name])
        return cls(maps, words["weights"], words["digest"])


def _tensors(map: Map) -> dict[str, Tensor]:
    """Return what has to be kept of a projection: all but what can be drawn again."""
    fields = ("left", "right") if isinstance(map, Kronecker) else ("scale", "left", "right")
    values = {field: getattr(map, field) for field in fields}
    return {field: tensor for field, tensor in values.items() if tensor is not None}
