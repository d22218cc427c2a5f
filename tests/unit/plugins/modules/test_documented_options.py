"""The options of a module are documented as they are: names, types, choices, defaults, aliases, what is required."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest
import yaml

from ansible_collections.ouseful.coursevm.plugins import modules

# Those whose arguments stand in a constant of that name
MODULES = [
    module
    for found in iter_modules(modules.__path__)
    if hasattr(module := import_module(f"{modules.__name__}.{found.name}"), "ARGUMENTS")
]
FACTS = ("type", "elements", "choices", "default", "required", "aliases")


def facts(options, nested):
    """The comparable facts of each option, those of its suboptions included."""
    return {
        name: {fact: option[fact] for fact in FACTS if option.get(fact) not in (None, False)}
        | ({"options": facts(option[nested], nested)} if nested in option else {})
        for name, option in options.items()
    }


def fragment(name):
    """The options of a documentation fragment, given as a module names it."""
    file, _dot, section = name.removeprefix("ouseful.coursevm.").partition(".")
    found = import_module(f"ansible_collections.ouseful.coursevm.plugins.doc_fragments.{file}").ModuleDocFragment
    return yaml.safe_load(getattr(found, section.upper() or "DOCUMENTATION")).get("options", {})


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_documentation_equals_the_argument_specification(module):
    documentation = yaml.safe_load(module.DOCUMENTATION)
    documented = dict(documentation["options"])
    for name in documentation.get("extends_documentation_fragment", []):
        documented |= fragment(name)
    assert facts(documented, "suboptions") == facts(module.ARGUMENTS, "options")
