"""This repository's settings of Ansible, which a measurement takes over or tells."""

from __future__ import annotations

import configparser
from pathlib import Path


def setting(name: str) -> str:
    """What ansible.cfg says of it under [defaults]. Raises KeyError."""
    settings = configparser.ConfigParser()
    settings.read(Path(__file__).parents[1] / "ansible.cfg")
    return settings["defaults"][name]
