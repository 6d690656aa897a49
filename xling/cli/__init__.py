"""The command line: composing the configuration, explaining mistakes, what is said."""
