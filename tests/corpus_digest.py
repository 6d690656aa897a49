"""`python -m corpus_digest` prints a digest of the sample corpus and of a tokenizer from it."""

import hashlib

from xling.data.sample import TASKS, rows
from xling.data.sample.tokenizer import train_tokenizer


def digest() -> str:
    found = [rows(task, language, "dev") for task in TASKS for language in ("ko", "zh")]
    made = train_tokenizer((text for part in found for row in part for text in row.values()), 1500)
    return hashlib.sha256((str(found) + made.backend_tokenizer.to_str()).encode()).hexdigest()


if __name__ == "__main__":
    print(digest())
