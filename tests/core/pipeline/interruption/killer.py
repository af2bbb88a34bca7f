"""A plugin whose process dies where the variable KILL says, as under kill -9 or a lost machine.

KILL is WHERE, or WHERE:N for the N-th time (from 1) that the process comes there:

- a callback's hook, e.g. ``on_train_batch_end``;
- ``stage=NAME``: a stage has finished;
- ``audit=NAME``: before the audit; ``measured=NAME``: after it, before its file is written;
- ``written=FILE``: FILE's content is on the disk, under a temporary name; ``half=FILE``: half of it is;
- ``replaced=FILE``: FILE has its name.
"""

import os
import random
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from glasshouse import AuditPlugin, AuditResult, Measurement, hookimpl
from pytorch_lightning import Callback

WHERE, _, TIMES = os.environ.get("KILL", "").partition(":")
passed = Counter()


def come_to(where):
    passed[where] += 1
    if where == WHERE and passed[where] == int(TIMES or 1):
        os.kill(os.getpid(), int(os.environ.get("SIGNAL", signal.SIGKILL)))


class Killer(Callback):
    """Dies in a hook, and draws a random number of each kind in every epoch."""

    state_key = "killer"

    def __init__(self):
        self.drawn = []

    def on_train_epoch_start(self, trainer, pl_module):
        self.drawn.append([random.random(), float(np.random.rand()), float(torch.rand(()))])
        come_to("on_train_epoch_start")

    def state_dict(self):
        return {"drawn": self.drawn}

    def load_state_dict(self, state):
        self.drawn = state["drawn"]


def dying(hook):
    return lambda self, *arguments, **options: come_to(hook)


for each in ("on_fit_start", "on_train_batch_end", "on_validation_end", "on_train_epoch_end", "on_save_checkpoint",
             "on_train_end", "on_fit_end", "on_test_end", "on_sanity_check_end"):  # fmt: skip
    setattr(Killer, each, dying(each))


@hookimpl
def glasshouse_callbacks(run):
    yield Killer()


@hookimpl
def glasshouse_stage_finished(run, stage):
    come_to(f"stage={stage}")


@hookimpl
def glasshouse_run_finished(run):
    come_to("finished")


@hookimpl(wrapper=True)
def glasshouse_run_audit(run, audit):
    come_to(f"audit={audit}")
    result = yield
    come_to(f"measured={audit}")
    return result


class Drawn:
    """Measures what the global generators happen to say."""

    def measure(self, evidence):
        value = random.random() + float(np.random.rand()) + float(torch.rand(()))
        return AuditResult(name="drawn", family="data", measurements=[Measurement(name="drawn", value=value)])


@hookimpl
def glasshouse_audits():
    yield AuditPlugin(name="drawn", target=f"{__name__}:Drawn", summary="a random number")


sync, replace = os.fsync, Path.replace


def dying_sync(handle):
    sync(handle)
    name = os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))
    if name.endswith(".partial"):
        file = name[1:].rsplit(".", 2)[0]
        if f"half={file}" == WHERE and passed[WHERE] + 1 == int(TIMES or 1):
            path = os.readlink(f"/proc/self/fd/{handle}")
            os.truncate(path, os.path.getsize(path) // 2)
            come_to(f"half={file}")
        come_to(f"written={file}")


def dying_replace(self, target):
    done = replace(self, target)
    come_to(f"replaced={Path(target).name}")
    return done


if WHERE:
    os.fsync, Path.replace = dying_sync, dying_replace
