"""A path that leads to no folder is answered with the one that was probably meant."""

from pathlib import Path

import pytest
from conftest import config, run_xling
from corpus_files import forget
from small_models import build
from test_hub_cache import cut_off

from xling.errors import UserError
from xling.models.available import require_model


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Path:
    """The current folder, with a model in m/bert."""
    (tmp_path / "m" / "bert").mkdir(parents=True)
    (tmp_path / "m" / "else").mkdir()
    build("bert").save_pretrained(tmp_path / "m" / "bert")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(path: str) -> str:
    """Return why a model is not there."""
    forget()
    with pytest.raises(UserError) as error:
        require_model(config("model=local", f"model.path={path}").model, lambda line: None)
    return str(error.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("./m/brt", "model.path=./m/brt: there is no such folder. Did you mean model.path=m/bert?"),
        ("{here}/m/brt", "there is no such folder. Did you mean model.path={here}/m/bert?"),
        ("{here}/mm/bert", "there is no such folder. Did you mean model.path={here}/m?"),
        ("m/bert/0/x", "there is no such folder. m/bert has no folders, but not 0."),
        ("m/xyz/", "there is no such folder. m has bert, else, but not xyz."),
        ("m/bert/config.json", "that is a file. Name its folder: model.path=m/bert"),
    ],
)
def test_a_folder_that_is_none_is_answered_with_the_nearest(path, expected, here):
    assert expected.format(here=here) in refusal(path.format(here=here))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("m/brt", "There is no folder m/brt on this machine. Did you mean model.path=m/bert?"),
        ("m/xyz", "There is no folder m/xyz on this machine. m has bert, else, but not xyz."),
        ("n/bert", ""),
    ],
)
@pytest.mark.parametrize("silent", [True, False])
def test_what_may_be_an_id_of_the_hub_is_asked_for_first(
    silent, path, expected, here, hub, monkeypatch
):
    if silent:
        cut_off(monkeypatch)
    message = refusal(path)
    assert f"\n{expected}" in message and (expected or "on this machine. " not in message)
    assert "model.path=DIR" in message


def test_a_dry_run_says_so_too(here):
    done = run_xling("model=local", f"model.path={here}/m/brt", "dry_run=true", folder=here)
    assert done.returncode == 1 and f"Did you mean model.path={here}/m/bert?" in done.stderr
