"""The configuration: its schema, its checks, and the settings that name a run."""

from xling.config.checks import checked
from xling.config.identity import delta, digest, plain, settings
from xling.config.related import nothing_left_out, single_language, whole_model
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
    "checked",
    "delta",
    "digest",
    "nothing_left_out",
    "plain",
    "settings",
    "single_language",
    "whole_model",
]
