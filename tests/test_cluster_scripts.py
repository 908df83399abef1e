"""The examples for clusters call commands that there are, and go on where a run was stopped."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_manual import parse

CLUSTER = Path(__file__).parent.parent / "scripts" / "cluster"
SRUN = '#!/bin/sh\nprintf "%s\\n" "$*"\n'


def submitted(folder: Path, *arguments: str) -> list[str]:
    """Return the command that the script has every process of a job run."""
    (folder / "srun").write_text(SRUN)
    (folder / "srun").chmod(0o755)
    script = ["bash", str(CLUSTER / "slurm.sh"), *arguments]
    path = f"{folder}:{Path(shutil.which('bash') or '/bin/bash').parent}"
    done = subprocess.run(script, cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_job_of_slurm_begins_and_goes_on(tmp_path):
    name, *words = submitted(tmp_path, "my-puzzle", "--seed", "3")
    assert name == "jaxsolve"
    assert words == ["solve", "my-puzzle", "--out", "results", "--seed", "3", "--budget", "6600", "--cluster"]
    parse(words)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "checkpoint.npz").touch()
    words = submitted(tmp_path, "my-puzzle", "--seed", "3")[1:]
    assert words == ["solve", "my-puzzle", "--resume", "results", "--budget", "6600", "--cluster"]
    parse(words)


def test_the_job_of_kubernetes_has_as_many_processes_as_pods():
    text = (CLUSTER / "kubernetes.yaml").read_text()
    command = re.search(r"exec jaxsolve (.*?)\n +resources", text, re.DOTALL)
    assert command is not None
    words = command[1].replace("\\\n", " ").replace('"$JOB_COMPLETION_INDEX"', "0").split()
    parse(words)
    pods = re.findall(r"(?:completions|parallelism): (\d+)", text)
    assert {*pods, words[words.index("--processes") + 1]} == {"4"}
