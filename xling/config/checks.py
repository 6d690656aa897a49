"""Checks of the composed configuration: types, ranges, and fields that depend on each other."""

import dataclasses
import os
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from xling.config.data_checks import check_files, check_task, words_checked
from xling.config.related import base_run
from xling.config.schema import FULL, Config, Influence, Setting, Subnetwork, Tracker
from xling.errors import UserError, nearest


def checked(values: dict[str, Any]) -> Config:
    """Turn the composed values into a checked `Config`.

    Raises:
        UserError: a value of the wrong type or range, or values that contradict each other.
    """
    values = words_checked(values)
    try:
        config = TypeAdapter(Config).validate_python(values)
    except ValidationError as error:
        raise UserError("\n".join(_explain(problem) for problem in error.errors())) from None
    check_task(config.task, config.data)
    check_files(config.data)
    _check_languages(config)
    _check_subnetwork(config)
    _check_tracker(config.tracker)
    _check_influence(config)
    _check_evaluation(config)
    _check_recommend(config)
    if config.model.tiny and config.model.path is not None:
        raise UserError(
            f"model.path={config.model.path} has no effect on model={config.model.name}, which is "
            "built here: write model=local as well, or omit it."
        )
    if config.sketch.twin and config.sketch.method == "exact":
        raise UserError(
            "sketch.twin=true: exact gradients have no noise that a twin could measure. Omit it, "
            "or choose sketch=default."
        )
    if config.sketch.combine == "parts" and config.sketch.method == "exact":
        raise UserError(
            "sketch.combine=parts: exact gradients are kept whole. Omit it, or choose "
            "sketch=default."
        )
    if not config.imbalance:  # then the language has no effect and must not name another run
        config = dataclasses.replace(config, imbalance_language=None)
    if not config.exclude:  # likewise: the model is trained on all languages
        config = dataclasses.replace(config, compare_full=False)
    config = _without_unused(config)
    model = config.model
    if model.path is not None and model.path.startswith("~"):
        model = dataclasses.replace(model, path=os.path.expanduser(model.path))
    return dataclasses.replace(config, model=model, subnetwork=_settled(config.subnetwork))


def _without_unused(config: Config) -> Config:
    """Reset the settings of what a run does not do, which must not name another run."""
    base = base_run(config)
    if config.leave_out.example is None:
        config = dataclasses.replace(config, leave_out=base.leave_out)
    used = {
        "language_effects": ("mixture",),
        "faithfulness": ("faithfulness",),
        "recommend": ("mixture", "recommend"),
    }
    kept = (*used[config.evaluate], "retrain") if config.evaluate else ()
    unused = {"mixture", "faithfulness", "recommend", "retrain"}.difference(kept)
    if not config.faithfulness.dropping:
        nothing = dataclasses.replace(config.faithfulness, drop=0.0, drop_seeds=2)
        config = dataclasses.replace(config, faithfulness=nothing)
    return dataclasses.replace(config, **{group: getattr(base, group) for group in unused})


def _settled(subnetwork: Subnetwork) -> Subnetwork:
    """Return the subnetwork with every field that has no effect reset to its default."""
    if subnetwork.name == "full":
        return FULL
    specific = {
        "random": ("seed",),
        "suboptimal": ("language",),
        "composed": ("languages", "compose"),
        "file": ("path",),
    }.get(subnetwork.name, ())
    pruned = ("fraction", "keep", "normalize") if subnetwork.is_pruned else ()
    relevant = {
        key: getattr(subnetwork, key) for key in ("name", "apply", "only", *specific, *pruned)
    }
    return dataclasses.replace(FULL, **relevant)


def _explain(problem: dict[str, Any]) -> str:
    key = ".".join(str(name) for name in problem["loc"])
    if problem["type"] == "literal_error":
        allowed = problem["ctx"]["expected"]
        choices = [choice.strip("' ") for choice in allowed.replace(" or ", ", ").split(",")]
        hint = nearest(problem["input"], choices)
        return f"{key}={problem['input']} is not possible: write {allowed}.{hint}"
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{key} is not a setting of xling."
    if problem["type"] in ("missing", "missing_argument"):
        example = "conf/task/xnli.yaml" if key.startswith("task.") else "conf/"
        return f"{key} is missing: add it to its file, as in {example}."
    message = problem["msg"][0].lower() + problem["msg"][1:].replace("valid tuple", "list")
    return f"{key}={shortened(problem['input'])} is not possible: {message}."


def shortened(value: object) -> str:
    """Write a value for a message, cut where it is longer than a line."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _check_languages(config: Config) -> None:
    if len(set(config.languages)) < len(config.languages):
        raise UserError(f"languages={list(config.languages)} names a language twice.")
    for language in config.exclude:
        if language not in config.languages:
            raise UserError(
                f"exclude={language}: the run has no such language; it has "
                f"{', '.join(config.languages)}.{nearest(language, config.languages)}"
            )
    if len(config.languages) < 2:
        raise UserError(
            f"languages={list(config.languages)}: influence between languages needs two or more, "
            "as in languages=[de,en]."
        )
    if len(config.train_languages) < 2:
        remaining = ", ".join(config.train_languages) or "none"
        raise UserError(
            f"exclude={','.join(config.exclude)} leaves {remaining} to train on; influence between "
            "languages needs two or more. Exclude fewer languages, or add some: languages=[...]."
        )
    if config.imbalance and config.imbalance_language not in config.train_languages:
        raise UserError(
            f"imbalance_language={config.imbalance_language}: not a training language of this run. "
            f"Write one of {', '.join(config.train_languages)}."
            f"{nearest(config.imbalance_language, config.train_languages)}"
        )


def _check_subnetwork(config: Config) -> None:
    subnetwork, tuning = config.subnetwork, config.tuning
    named = {
        "suboptimal": (subnetwork.language,) if subnetwork.language else (),
        "composed": subnetwork.languages,
    }.get(subnetwork.name, ())
    for language in (*named, *(config.influence.test_languages or ())):
        if language not in config.languages:
            key = "subnetwork" if language in named else "influence.test_languages"
            raise UserError(
                f"{key}: the run has no language {language}; it has "
                f"{', '.join(config.languages)}.{nearest(language, config.languages)}"
            )
    problem = None
    if tuning.name == "sparse" and subnetwork.name == "full":
        problem = (
            "tuning=sparse needs the subnetworks to train through: write subnetwork=identified, "
            "random or file."
        )
    elif tuning.strict and tuning.name != "sparse":
        problem = "tuning.strict=true needs sparse fine-tuning: write tuning=sparse as well."
    elif subnetwork.name == "suboptimal" and not subnetwork.language:
        problem = (
            "subnetwork=suboptimal: which language's subnetwork should all test languages use? "
            f"Write subnetwork.language={config.languages[0]}, for instance."
        )
    elif subnetwork.name == "composed" and len(set(subnetwork.languages)) < 2:
        problem = (
            "subnetwork=composed: which languages' subnetworks? Write two or more, as in "
            f"'subnetwork.languages=[{','.join(config.languages[:2])}]'."
        )
    elif subnetwork.name == "file" and not subnetwork.path:
        problem = (
            "subnetwork=file: write subnetwork.path=DIR, a folder with one mask per language, such "
            f"as {config.languages[0]}.json; every run with subnetworks writes one, masks/."
        )
    elif subnetwork.name != "full" and config.compare_full:
        problem = "compare_full=true is for runs without a subnetwork: omit one of the two."
    elif subnetwork.name != "full" and config.leave_out.example is not None:
        problem = "leave_out.example is for runs without a subnetwork: omit one of the two."
    elif subnetwork.name != "full" and config.evaluate:
        problem = (
            f"evaluate={config.evaluate} is for runs without a subnetwork: omit one of the two."
        )
    elif config.leave_out.example is not None and config.evaluate:
        problem = f"leave_out.example and evaluate={config.evaluate}: omit one of the two."
    elif subnetwork.only and not subnetwork.is_pruned:
        problem = "subnetwork.only=true: there is nothing to identify; write subnetwork=identified."
    if problem:
        raise UserError(problem)


def _check_influence(config: Config) -> None:
    """Refuse settings that have no effect on the method, unless they are at their defaults.

    The size of the sketches is not checked, as profiles set it.
    """
    for group, settings in APPLIES_TO.items():
        for key, (default, what) in settings.items():
            value = getattr(getattr(config, group), key)
            if value == default or not (reason := _without_effect(config.influence, key, what)):
                continue
            shown = f"[{','.join(value)}]" if isinstance(value, tuple) else str(value)
            shown = shown.lower() if isinstance(value, bool) else shown
            example = {
                "damping": "preconditioned",
                "moments": "preconditioned",
                "fit_examples": "ekfac",
            }.get(key, "tracin")
            raise UserError(
                f"{group}.{key}={shown} {reason}: write influence={example}, or omit it."
            )


APPLIES_TO: dict[str, dict[str, tuple[object, str]]] = {
    "influence": {
        "rerank": (0, "gradients"),
        "weights": ("equal", "gradients"),
        "parameters": ((), "gradients"),
        "similarity": ("cosine", "some methods"),
        "damping": (0.1, "some methods"),
        "moments": ("none", "some methods"),
        "fit_examples": (1000, "some methods"),
    },
    "sketch": {
        "method": ("kronecker", "gradients"),
        "combine": ("sum", "gradients"),
        "seed": (0, "gradients"),
        "twin": (False, "gradients"),
        "skip": ((), "gradients"),
        "precision": ("fp32", "models"),
        "store": ("float16", "models"),
    },
}
"""Settings that not every method has: the default, and what they apply to."""


def _without_effect(influence: Influence, key: str, what: str) -> str:
    """Return why a setting has no effect on the method; "" if it has."""
    name = f"influence={influence.method}"
    if what == "gradients" and not influence.gradients:
        return f"applies to gradients only, and {name} compares none"
    if what == "models" and not influence.checkpoints:
        return f"applies to what a model makes of examples, and {name} looks at no model"
    if key in get_args(Setting) and key not in influence.uses:
        return f"has no effect on {name}"
    if key == "fit_examples" and "moments" in influence.uses and influence.moments == "none":
        return "has no effect with influence.moments=none"
    return ""


def _check_evaluation(config: Config) -> None:
    halves = config.faithfulness
    if config.evaluate == "faithfulness" and halves.again > halves.subsets:
        raise UserError(
            f"faithfulness.again={halves.again}: these are some of the halves, of which there are "
            f"faithfulness.subsets={halves.subsets}. Write {halves.subsets} at most."
        )


def _check_recommend(config: Config) -> None:
    wanted = config.recommend
    if config.evaluate != "recommend":
        return
    targets = ("mean", "worst", *config.languages)
    if wanted.target not in targets:
        raise UserError(
            f"recommend.target={wanted.target}: write mean or worst (of the test languages), or "
            f"one of {', '.join(config.languages)}, as the run calls them."
            f"{nearest(wanted.target, targets)}"
        )
    if wanted.by == "example" and wanted.candidates:
        raise UserError(
            f"recommend.candidates={','.join(wanted.candidates)} has no effect on "
            "recommend.by=example, which chooses among all training examples: omit one of the two."
        )
    if wanted.by == "example" and wanted.target in config.exclude:
        raise UserError(
            f"recommend.target={wanted.target}: recommend.by=example ranks by the target's "
            "development examples, and a language that is left out of training has none here. "
            f"Write one of {', '.join(config.train_languages)}, or mean, or recommend.by=language."
        )
    for language in wanted.candidates:
        if language not in config.train_languages:
            raise UserError(
                f"recommend.candidates={language}: a candidate's data takes part in the "
                f"fine-tunings, so it must be a training language of the run: "
                f"{', '.join(config.train_languages)}.{nearest(language, config.train_languages)}"
            )
    if len(config.train_languages) - len(wanted.candidates) < 1:
        raise UserError(
            "recommend.candidates: all training languages are candidates, so that there is no "
            "present data to add to. Name those alone that would be new."
        )


def _check_tracker(tracker: Tracker) -> None:
    if tracker.name == "wandb":
        return
    wandb_only = {
        "mode": tracker.mode == "online",
        "entity": tracker.entity,
        "artifacts": tracker.artifacts,
    }
    for key, is_set in wandb_only.items():
        if is_set:
            value = str(getattr(tracker, key))
            raise UserError(
                f"tracker.{key}={value.lower() if key == 'artifacts' else value} is for W&B only; "
                f"tracker={tracker.name} does not support it. Write tracker=wandb, or omit it."
            )
