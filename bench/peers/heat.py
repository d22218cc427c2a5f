"""The cohort as a Heat stack, with openstacksdk's own way to wait for it.

Usage: heat.py cold|unchanged|teardown SIZE
"""

from __future__ import annotations

import sys
from pathlib import Path

import openstack
import yaml

HERE = Path(__file__).parent


def main(step: str, size: str) -> None:
    """Create, update or delete the stack."""
    cohort = yaml.safe_load((HERE.parent / "cohort.yml").read_text())
    cloud = openstack.connect()
    if step == "teardown":
        cloud.delete_stack(cohort["bench_name"], wait=True)
        return
    parameters = {key: cohort[f"bench_{key}"] for key in ("cidr", "external_network", "image", "flavor", "zone")}
    declare = cloud.create_stack if step == "cold" else cloud.update_stack
    stack = declare(
        cohort["bench_name"],
        template_file=str(HERE / "heat.yaml"),
        rollback=False,
        wait=True,
        size=int(size),
        **parameters,
    )
    if not stack.status.endswith("_COMPLETE"):
        sys.exit(f"{stack.status}: {stack.status_reason}")


if __name__ == "__main__":
    main(*sys.argv[1:])
