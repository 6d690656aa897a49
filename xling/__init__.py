"""Which languages does a multilingual model learn from?"""
