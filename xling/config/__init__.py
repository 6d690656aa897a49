"""The configuration: its schema, its checks, and the settings that name a run."""

from xling.config.checks import checked
from xling.config.identity import delta, digest, plain, settings
from xling.config.related import base_run, single_language, whole_model
from xling.config.schema import (
    FULL,
    Columns,
    Config,
    Data,
    Experiment,
    Hub,
    Influence,
    LeaveOut,
    Mixture,
    Model,
    Retrain,
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
    "Mixture",
    "Model",
    "Retrain",
    "Sketch",
    "Subnetwork",
    "Task",
    "Tiny",
    "Tracker",
    "Trainer",
    "Tuning",
    "base_run",
    "checked",
    "delta",
    "digest",
    "plain",
    "settings",
    "single_language",
    "whole_model",
]
