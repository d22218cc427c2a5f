# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of modules that first hear whether all is there that they need; it matches module_utils/unless.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment ouseful.coursevm.unless."""

    DOCUMENTATION = r"""
options:
  unless:
    description:
      - Command for sh(1) that prints what has to be mended before this can be done, a fact a line, and changes nothing.
        Its exit status is 0.
      - When it prints anything, nothing is done, and what it has printed is returned.
      - It is run in check mode, too.
    type: str
"""
