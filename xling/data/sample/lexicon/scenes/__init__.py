"""Events for the inference task, one module a language.

Each has `event`, `located` and `remark`, which put a Scene into words.
"""
