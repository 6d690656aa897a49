"""Loading encoders from local folders, and what is said when there is none."""

import os
import subprocess
import sys

import pytest
import torch
from conftest import config
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from xling.errors import UserError
from xling.models.classifier import Classifier
from xling.models.encoder import load, load_encoder

SHAPE = {"vocab_size": 60, "num_hidden_layers": 1, "num_attention_heads": 2}
ENCODERS = {
    "bert, with a pooler that the head does not need": lambda: BertModel(
        BertConfig(**SHAPE, hidden_size=16, intermediate_size=16)
    ),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(vocab_size=60, dim=16, n_layers=1, n_heads=2, hidden_dim=16)
    ),
    "xlm-r, with the head of its pretraining": lambda: XLMRobertaForMaskedLM(
        XLMRobertaConfig(**SHAPE, hidden_size=16, intermediate_size=16)
    ),
}


@pytest.mark.parametrize("kind", ENCODERS)
def test_any_encoder_in_a_folder_is_loaded_whole(kind, tmp_path, tokenizer):
    torch.manual_seed(0)
    saved = ENCODERS[kind]().half()  # weights in half precision are used in single
    saved.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    settings = config("model=local", f"model.path={tmp_path}")
    model, loaded = load(settings, lambda: ())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not any("pooler" in name or "lm_head" in name for name, _ in model.named_parameters())
    embeddings = model.encoder.get_input_embeddings().weight
    assert torch.equal(embeddings, saved.get_input_embeddings().weight.float())
    inputs = loaded(["w4 w5", "w6"], padding=True, return_tensors="pt")
    inputs = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    assert model(**inputs).shape == (2, 2)


def test_the_head_is_the_same_for_every_encoder_of_a_seed(tmp_path, tokenizer):
    ENCODERS["distilbert"]().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    heads = [
        load(config("model=local", f"model.path={tmp_path}", f"seed={seed}"), lambda: ())[0].head
        for seed in (1, 1, 2)
    ]
    assert torch.equal(heads[0].output.weight, heads[1].output.weight)
    assert not torch.equal(heads[0].output.weight, heads[2].output.weight)


def test_the_head_reads_the_first_state():
    class Encoder(torch.nn.Module):
        config = XLMRobertaConfig(hidden_size=4)

        def forward(self, states):
            return type("Output", (), {"last_hidden_state": states})

    model = Classifier(Encoder(), classes=3).eval()
    states = torch.randn(2, 5, 4)
    first = torch.tanh(states[:, 0] @ model.head.hidden.weight.T) @ model.head.output.weight.T
    torch.testing.assert_close(model(states=states), first)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(UserError, match="has no config.json"):
        load_encoder(config("model=local", f"model.path={tmp_path}").model)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["profile=paper"], ["facebook/xnli", "hf download facebook/xnli", "data=files"]),
        (["model=xlmr_base"], ["xlm-roberta-base", "hf download FacebookAI", "model=local"]),
    ],
)
def test_without_network_the_error_comes_at_once(arguments, expected):
    """Within two seconds of work: imports and waiting together, in a process of its own."""
    code = (
        "import sys, time; start = time.process_time(), time.perf_counter()\n"
        f"sys.argv = ['xling', *{arguments!r}]\n"
        "import xling.__main__ as m\n"
        "try: m.main()\n"
        "finally: print('SECONDS', time.process_time() - start[0], 'torch' in sys.modules)"
    )
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **nowhere},
    )
    for part in expected:
        assert part in done.stderr
    _, seconds, torch_imported = done.stdout.splitlines()[-1].split()
    assert float(seconds) < 2 and torch_imported == "False"
