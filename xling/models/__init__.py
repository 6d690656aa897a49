"""The models: loading an encoder and its tokenizer, and the classifier on top of it."""
