"""`python -m killed_after_epoch FOLDER RECORD`: log an epoch to W&B offline, then SIGKILL."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from conftest import config

from xling import tracker

if __name__ == "__main__":
    os.chdir(sys.argv[1])
    offline = config("tracker=wandb", "tracker.mode=offline")
    with tracker.tracking(offline, "run", Path()) as tracked:
        tracker.log_epoch(tracked, json.loads(sys.argv[2]))
        until = time.monotonic() + 10  # W&B itself would write after 15
        while (
            time.monotonic() < until
            and b"train_loss"
            not in b"".join(
                file.read_bytes() for file in Path().glob("multirun/wandb/offline-run-*/*.wandb")
            ).partition(b"_timestamp")[2]
        ):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
