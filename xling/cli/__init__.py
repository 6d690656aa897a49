"""The command line: composing the configuration, explaining mistakes, printing messages."""
