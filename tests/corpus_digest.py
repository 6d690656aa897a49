"""`python -m corpus_digest` prints a digest of the sample corpus and of a tokenizer from it."""

import hashlib

from xling.data.sample import TASKS, rows
from xling.data.sample.tokenizer import train_tokenizer


def digest() -> str:
    splits = [rows(task, language, "dev") for task in TASKS for language in ("ko", "zh")]
    texts = (text for split in splits for row in split for text in row.values())
    tokenizer = train_tokenizer(texts, 1500)
    return hashlib.sha256((str(splits) + tokenizer.backend_tokenizer.to_str()).encode()).hexdigest()


if __name__ == "__main__":
    print(digest())
