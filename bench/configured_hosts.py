"""Hosts as molecule's scenarios have them, with a course's own page of variables, for `python -m bench.configure`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]
SHARED = REPOSITORY / "molecule" / "shared"
BIN = Path(sys.executable).parent
NAME = "configure_bench_{}"
IMAGE = "localhost/coursevm-configure-bench"


class BenchError(Exception):
    """What went wrong, in words."""


def execute(command: Sequence[str | Path], **variables: str) -> str:
    """Output of a command; raises BenchError when it fails."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_COLLECTIONS_PATH": ".ansible/collections", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{' '.join(map(str, command[:4]))} …: {done.stdout[-3000:]}")
    return done.stdout


def container(number: int) -> str:
    """The name of a host's container, as molecule's playbooks choose it."""
    return "cvm-mol-" + NAME.format(number).replace("_", "-")


class Hosts:
    """A cohort: its hosts, credentials and inventory."""

    def __init__(self, directory: Path, course: str, number: int) -> None:
        """Makes the credentials of so many students. Raises BenchError where there is no such course."""
        self.directory = directory
        self.inventory = directory / "inventory.json"
        self.vault_password = directory / "vault-password"
        self.students = [f"host{one:02}" for one in range(1, number + 1)]
        self.made: list[int] = []
        self.variables = {}
        for page in ("all", "coursevm_students"):
            path = REPOSITORY / "inventories" / course / "group_vars" / f"{page}.yml"
            if not path.exists():
                raise BenchError(f"--course {course}: there is no {path}")
            self.variables.update(yaml.safe_load(path.read_text(encoding="utf-8")))
        self.vault_password.write_text("only for a while\n", encoding="utf-8")
        arguments = {"path": str(directory / "credentials"), "cohort": "bench", "students": self.students}
        execute(
            [BIN / "ansible", "localhost", "-m", "ouseful.coursevm.credentials", "-a", json.dumps(arguments)],
            ANSIBLE_VAULT_PASSWORD_FILE=str(self.vault_password),
        )

    def make(self, number: int, **more: str) -> None:
        """Make a host and put it into the inventory."""
        self.made.append(number)
        place = self._place(number)
        (place / "inventory").mkdir(parents=True)
        for suffix in ("", ".pub"):  # the key that molecule's playbook would make
            shutil.copy(self.directory / "credentials" / f"operator{suffix}", place / f"id_ed25519{suffix}")
        self._playbook("create.yml", number, **more)
        execute(["podman", "exec", container(number), "sh", "-c", "systemctl is-system-running --wait || true"])
        self._write()

    def keep(self) -> str:
        """Make an image of the first host; its name."""
        execute(["podman", "commit", "--quiet", container(1), IMAGE])
        return IMAGE

    def cpu(self) -> float:
        """Seconds of CPU time that all hosts have taken so far."""
        names = [container(number) for number in self.made]
        said = execute(["podman", "stats", "--no-stream", "--format", "{{.CPUNano}}", *names])
        return sum(map(int, said.split())) / 1e9

    def remove(self) -> None:
        """Remove every host and the image they came from."""
        for number in self.made:
            try:
                self._playbook("destroy.yml", number)
            except BenchError as error:
                print(f"Left behind: {container(number)}. {error}", file=sys.stderr)
        subprocess.run(["podman", "rmi", "--force", IMAGE], capture_output=True, check=False)

    def _place(self, number: int) -> Path:
        return self.directory / str(number)

    def _playbook(self, name: str, number: int, **more: str) -> None:
        variables = {
            "ansible_python_interpreter": sys.executable,
            "molecule_ephemeral_directory": str(self._place(number)),
            "molecule_scenario_directory": NAME.format(number),
            **more,
        }
        execute([BIN / "ansible-playbook", "-i", "localhost,", SHARED / name, "--extra-vars", json.dumps(variables)])

    def _write(self) -> None:
        hosts = {}
        for number in self.made:
            made = yaml.safe_load((self._place(number) / "inventory" / "instances.yml").read_text(encoding="utf-8"))
            student = self.students[number - 1]
            hosts[student] = {
                "ansible_host": made["all"]["hosts"]["coursevm"]["ansible_host"],
                "coursevm_student": {"id": student},
                "coursevm_state_dir": str(self.directory),
                "coursevm_ca_bundle": "/etc/ssl/certs/ca-certificates.crt",
            }
        group = {"coursevm_students": {"hosts": hosts, "vars": self.variables}}
        self.inventory.write_text(json.dumps(group), encoding="utf-8")
