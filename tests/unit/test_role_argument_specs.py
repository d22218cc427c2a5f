"""Every role's defaults and its argument specification say the same: names and values."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
ROLES = sorted(path.parent.parent for path in REPOSITORY.glob("roles/*/defaults/main.yml"))


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def specified_defaults(role: Path) -> dict[str, object]:
    """Defaults of every entry point's options, merged; null for an option that has none."""
    specs = load(role / "meta" / "argument_specs.yml")["argument_specs"]
    return {
        name: option.get("default")
        for spec in specs.values()
        for name, option in spec.get("options", {}).items()
        if not option.get("required")
    }


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_defaults_equal_the_argument_specification(role):
    assert specified_defaults(role) == load(role / "defaults" / "main.yml")


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_variables_start_with_the_role_name(role):
    wrong = [name for name in load(role / "defaults" / "main.yml") if not name.startswith(f"{role.name}_")]
    assert not wrong


def test_there_are_roles():
    assert ROLES
