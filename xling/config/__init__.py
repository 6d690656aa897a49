"""The configuration: its schema, its checks, and what of it names a run."""

from xling.config.checks import checked
from xling.config.identity import digest, identity, plain
from xling.config.related import alone, nothing_left_out, whole_model
from xling.config.schema import (
    FULL,
    Columns,
    Config,
    Data,
    Experiment,
    Hub,
    Influence,
    LeaveOut,
    Model,
    Sketch,
    Subnetwork,
    Task,
    Tiny,
    Tracker,
    Trainer,
    Tuning,
)

__all__ = [
    "FULL",
    "Columns",
    "Config",
    "Data",
    "Experiment",
    "Hub",
    "Influence",
    "LeaveOut",
    "Model",
    "Sketch",
    "Subnetwork",
    "Task",
    "Tiny",
    "Tracker",
    "Trainer",
    "Tuning",
    "alone",
    "checked",
    "digest",
    "identity",
    "nothing_left_out",
    "plain",
    "whole_model",
]
