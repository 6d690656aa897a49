"""The parts of a model that gradients are kept apart by: embeddings, each layer, the head."""

EMBEDDINGS = ("embed", "wte", "wpe", "shared")
"""What names of embedding tables contain, in encoders of all families."""


def part_of(parameter: str) -> str:
    """Name the part of an encoder with a head that a parameter is in.

    Returns:
        "head", "layer N" with N from 1, "embeddings" or, for what is in none of them, "other".
    """
    names = parameter.split(".")
    if names[0] == "head":
        return "head"
    if numbers := [name for name in names if name.isdigit()]:
        return f"layer {int(numbers[0]) + 1}"
    return "embeddings" if any(mark in parameter for mark in EMBEDDINGS) else "other"
