"""The options of a module are documented as they are: names, types, choices, defaults, aliases, what is required."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.ouseful.coursevm.plugins.doc_fragments.cloud import ModuleDocFragment
from ansible_collections.ouseful.coursevm.plugins.modules import instances, network_stack

FACTS = ("type", "elements", "choices", "default", "required", "aliases")


def facts(options, nested):
    """The comparable facts of each option, those of its suboptions included."""
    return {
        name: {fact: option[fact] for fact in FACTS if option.get(fact) not in (None, False)}
        | ({"options": facts(option[nested], nested)} if nested in option else {})
        for name, option in options.items()
    }


@pytest.mark.parametrize("module", [instances, network_stack])
def test_documentation_equals_the_argument_specification(module):
    documented = (
        yaml.safe_load(module.DOCUMENTATION)["options"] | yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    )
    assert facts(documented, "suboptions") == facts(module.ARGUMENTS, "options")
