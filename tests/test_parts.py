"""Gradients of the parts of a model, kept apart: `sketch.combine=parts`."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SMALL, config, run_xling
from encoders import batch, build
from torch.nn.functional import cross_entropy

from xling.attribution import Preconditioned, TracIn, score_matrix
from xling.errors import ArgumentError, UserError
from xling.pipeline.paths import named_paths, run_paths
from xling.report.sections.part_shares import sentence
from xling.sketch import Projection, Sketches, Source
from xling.sketch.parts import part_of
from xling.sweep.estimate import Speed, sketch_dimensions

LENGTHS = [9, 4, 7, 5]
IDS = list("abcd")


@pytest.mark.parametrize(
    ("parameter", "part"),
    [
        ("encoder.embeddings.word_embeddings.weight", "embeddings"),
        ("encoder.encoder.layer.0.attention.self.query.weight", "layer 1"),
        ("encoder.layers.11.mlp.up_proj.weight", "layer 12"),
        ("encoder.h.2.attn.c_attn.weight", "layer 3"),
        ("encoder.encoder.block.4.layer.1.DenseReluDense.wi.weight", "layer 5"),
        ("encoder.wte.weight", "embeddings"),
        ("encoder.embed_tokens.weight", "embeddings"),
        ("encoder.norm.weight", "other"),
        ("head.output.bias", "head"),
    ],
)
def test_parts_are_embeddings_layers_and_the_head(parameter, part):
    assert part_of(parameter) == part


def made(projection, **settings) -> Sketches:
    model = build("xlmr", dtype=torch.float32)
    inputs, labels = batch(LENGTHS)

    def losses(group):
        some = {key: value[group] for key, value in inputs.items()}
        return cross_entropy(model(**some), labels[group], reduction="none")

    options = {"precision": settings.pop("precision", "float32")}
    source = Source(losses, IDS, LENGTHS)
    return TracIn(projection, "dot", **settings).represent(model, source, 1, **options)


def rows_of(sketches: Sketches) -> np.ndarray:
    return sketches.units(0, len(sketches)) * sketches.norms[:, None]


@pytest.mark.parametrize("twin", [False, True])
def test_the_parts_add_up_to_the_whole_which_is_what_it_is_without_them(twin):
    projection = Projection(8, stack=2, twin=twin)
    parts = made(dataclasses.replace(projection, combine="parts"))
    plain = made(projection)
    np.testing.assert_array_equal(rows_of(parts), rows_of(plain))
    if twin:
        np.testing.assert_array_equal(rows_of(parts.twin), rows_of(plain.twin))
    names = parts.metadata.parts
    assert names == ["embeddings", "layer 1", "layer 2", "head"]
    total = sum(rows_of(parts.part(name)) for name in names)
    np.testing.assert_allclose(total, rows_of(plain), rtol=1e-4, atol=1e-5)
    assert parts.metadata.dimensions == plain.metadata.dimensions == 128


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_a_part_is_the_sketch_of_its_parameters_alone(precision, tmp_path):
    """Against sketches that are limited to these parameters."""
    parts = made(Projection(8, combine="parts"), precision=precision)
    patterns = {
        "embeddings": ("*embeddings*",),
        "layer 2": ("*layer.1.*",),
        "head": ("head*",),
    }
    for name, parameters in patterns.items():
        alone = made(Projection(8), parameters=parameters)
        tolerance = {"float32": 1e-6, "float16": 1e-3, "int8": 0.02}[precision]
        np.testing.assert_allclose(parts.part(name).norms, alone.norms, rtol=1e-4)
        np.testing.assert_allclose(parts.part(name).units(0, 4), alone.units(0, 4), atol=tolerance)
        for method in (TracIn(), Preconditioned()):
            (tile,) = score_matrix([parts.part(name)], [parts.part(name)], method)
            (expected,) = score_matrix([alone], [alone], method)
            scale = np.abs(expected.summed).max()
            near = 10 * tolerance + 1e-5
            np.testing.assert_allclose(tile.summed / scale, expected.summed / scale, atol=near)
    limited = made(Projection(8, combine="parts"), parameters=("head*", "*layer.0.*"))
    assert limited.metadata.parts == ["layer 1", "head"]


def test_a_part_that_no_gradient_reaches_is_zero():
    rows = np.arange(1, 13, dtype=np.float32).reshape(2, 6)
    rows[1, 4:] = 0
    for precision in ("float32", "int8"):
        metadata = dataclasses.replace(
            Sketches.of(rows[:, :2], ["a", "b"], {}, precision).metadata, parts=["x", "y"]
        )
        sketches = Sketches.empty(metadata)
        sketches.write(0, rows, {}, {})
        assert sketches.part("y").norms[1] == 0 and not sketches.part("y").units(1, 2).any()
        np.testing.assert_allclose(rows_of(sketches.part("x")), rows[:, 2:4], rtol=0.02)
    with pytest.raises(ArgumentError, match="no part 'z'"):
        sketches.part("z")
    with pytest.raises(ArgumentError, match="example a is zero"):
        sketches.write(0, np.zeros_like(rows), {}, {})


def test_settings_of_parts():
    chosen = config("sketch.combine=parts")
    assert named_paths(chosen, {}).sketches.startswith("sketches-kronecker-parts-4x16x16-")
    speed = Speed(None, 1000, 40, 96, {}, {}, parts=5)
    assert sketch_dimensions(chosen, speed) == 6 * 1024
    assert sketch_dimensions(config("sketch.combine=parts", "sketch.twin=true"), speed) == 7 * 1024
    with pytest.raises(UserError, match="combine=parts: exact gradients are kept whole"):
        config("sketch=exact", "sketch.combine=parts")


def test_a_run_tells_the_shares_part_by_part(tmp_path, monkeypatch):
    overrides = ("task=xnli", *SMALL, "sketch.combine=parts", "sketch.store=float32")
    done = run_xling(*overrides, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    paths = run_paths(config(*overrides))
    table = pd.read_parquet(paths.run / "tables" / "part_shares.parquet")
    assert list(dict.fromkeys(table["part"])) == ["embeddings", "layer 1", "head"]
    results = json.loads((paths.run / "results.json").read_text("utf-8"))
    assert results["sketch"]["dimensions"] == 1024
    by_side = []
    for folder in (paths.run / "sketches" / "test", paths.tuning / paths.sketches):
        epochs = [
            Sketches.read(folder / f"epoch-{e + 1:02d}") for e in range(results["kept_epoch"])
        ]
        by_side.append(epochs)
    scores = sum(
        right.part("layer 1").units(0, len(right)) @ left.part("layer 1").units(0, len(left)).T
        for right, left in zip(*by_side, strict=True)
    )
    own = [name[:2] for name in by_side[0][0].ids]
    trained = np.array([name[:2] for name in by_side[1][0].ids])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    share = np.mean([(trained[order[row]] == "en").mean() for row in range(12) if own[row] == "de"])
    row = table.query(
        "part == 'layer 1' and sign == '+' and test_language == 'de' and train_language == 'en'"
    )
    assert row["share"].item() == pytest.approx(share)
    shares = pd.read_parquet(paths.run / "tables" / "shares.parquet").query("epoch == 0")
    told = sentence(
        table.query("sign == '+' and test_language == train_language"),
        shares.query("sign == '+' and test_language == train_language"),
    )
    page = (paths.run / "report.html").read_text("utf-8")
    assert told in page and 'data-file="own_share_by_part"' in page
    assert "by embeddings" in told and "by layer 1" in told and "by head" in told
