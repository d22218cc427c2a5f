# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What surrounds each module that speaks to a cloud: no traceback ever reaches the user for what we foresee."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.ouseful.coursevm.plugins.module_utils.cloud import IMPORT_ERROR, Cloud, CloudError
from ansible_collections.ouseful.coursevm.plugins.module_utils.desired import DesiredError
from ansible_collections.ouseful.coursevm.plugins.module_utils.plan import PlanError


@contextmanager
def explained(module: AnsibleModule) -> Iterator[None]:
    """End the module with the words of whatever error is foreseen."""
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("openstacksdk"), exception=IMPORT_ERROR)
    try:
        yield
    except (CloudError, DesiredError, PlanError) as error:
        module.fail_json(msg=str(error))
    except KeyboardInterrupt:
        module.fail_json(msg="Interrupted. What was made is there; run again to go on from it.")


def end(module: AnsibleModule, cloud: Cloud, result: dict[str, Any]) -> None:
    """End the module with a result, failed when that has a ``msg``; ``warnings`` are shown, and requests counted."""
    for warning in result.pop("warnings"):
        module.warn(warning)
    result |= {"requests": cloud.requests, "polls": cloud.polls}
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)
