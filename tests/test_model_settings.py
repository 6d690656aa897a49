"""A value of a wrong type in a tokenizer's files is named with what is expected there."""

import pytest
from conftest import run_xling
from small_models import change, loaded

from xling.errors import UserError
from xling.models.files import check_folder

CONFIG, MAP, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
WRONG = [
    (CONFIG, {"model_max_length": "x"}, 'has model_max_length="x", where a positive number'),
    (CONFIG, {"model_max_length": True}, "has model_max_length=true, where a positive number"),
    (CONFIG, {"model_max_length": -1}, "has model_max_length=-1, where a positive number"),
    (CONFIG, {"tokenizer_class": 5}, "has tokenizer_class=5, where text"),
    (CONFIG, {"pad_token": 5}, "has pad_token=5, where a token"),
    (CONFIG, {"pad_token": {"content": 5}}, 'has pad_token={"content": 5}, where a token'),
    (CONFIG, {"padding_side": "up"}, 'has padding_side="up", where "left" or "right"'),
    (CONFIG, {"truncation_side": 5}, 'has truncation_side=5, where "left" or "right"'),
    (CONFIG, {"do_lower_case": "false"}, 'has do_lower_case="false", where true or false'),
    (CONFIG, {"strip_accents": "no"}, 'has strip_accents="no", where true or false'),
    (CONFIG, {"add_bos_token": []}, "has add_bos_token=[], where true or false"),
    (CONFIG, {"model_input_names": "input_ids"}, "where a list of names"),
    (CONFIG, {"extra_special_tokens": 5}, "has extra_special_tokens=5, where a list of tokens"),
    (MAP, {"pad_token": 5}, "has pad_token=5, where a token"),
    (MAP, {"additional_special_tokens": ["a", 5]}, "where a list of tokens"),
    (ADDED, {"<x>": "y"}, 'has <x>="y", where the token\'s number'),
    (ADDED, {"<x>": -1}, "has <x>=-1, where the token's number"),
]


@pytest.mark.parametrize(("file", "settings", "expected"), WRONG)
def test_a_value_of_a_wrong_type_is_named_before_heavy_imports(file, settings, expected, save):
    folder = save("bert")
    change(folder / file, **settings)
    with pytest.raises(UserError) as error:
        check_folder(str(folder))
    assert f"{file} has " in str(error.value) and expected in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"model_max_length": 1e30},
        {"do_lower_case": 0, "strip_accents": None},
        {"pad_token": {"content": "<pad>", "__type": "AddedToken"}},
        {"extra_special_tokens": {"image_token": "w5"}},
        {"padding_side": "left", "model_input_names": ["input_ids"]},
    ],
)
def test_values_that_published_models_have_are_taken(settings, save):
    folder = save("bert")
    change(folder / CONFIG, **settings)
    check_folder(str(folder))
    loaded(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("added_tokens_decoder", 5),
        ("added_tokens_decoder", {"x": 5}),
        ("init_inputs", 5),
        ("model_specific_special_tokens", 5),
    ],
)
def test_a_value_that_only_the_library_knows_is_found_by_leaving_it_out(key, value, save):
    folder = save("bert")
    change(folder / CONFIG, **{key: value})
    with pytest.raises(UserError, match=f"no tokenizer can be made with {key}=.* in {CONFIG} "):
        loaded(folder)


def test_a_dry_run_names_it_too(save, tmp_path):
    folder = save("bert")
    change(folder / CONFIG, model_max_length="x")
    done = run_xling("model=local", f"model.path={folder}", "dry_run=true", folder=tmp_path)
    assert done.returncode == 1 and 'model_max_length="x"' in done.stderr
    assert done.stderr.count("\n") == 1
