"""`python -m in_a_fork HOW` does what the tests of forks check."""

import atexit
import os
import signal
import subprocess
import sys
import threading
import time

how, *rest = sys.argv[1:]
if how == "asked":
    print(os.getcwd(), rest, os.environ.get("MINE"), os.getpgid(0), sep="\n")
    print(sys.stdin.buffer.read())
elif how == "code":
    sys.exit(7)
elif how == "words":
    sys.exit("in words")
elif how == "error":
    print(1 / 0)
elif how == "signal":
    os.kill(os.getpid(), signal.SIGTERM)
elif how == "changes":
    import torch

    new = torch.initial_seed(), signal.getsignal(signal.SIGTERM), "LEFT" in os.environ
    torch.manual_seed(3)
    print("as new" if new[1:] == (signal.SIG_DFL, False) and new[0] != 3 else new)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.environ["LEFT"] = "1"
elif how == "exits":
    atexit.register(print, "handler")
    threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
elif how == "parent":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(child.pid, flush=True)
    child.wait()
