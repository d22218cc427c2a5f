"""The modules with the openstacksdk of the Python that runs this, which `make sdk-matrix` chooses, on the dev cloud."""

from __future__ import annotations

from tests.integration.engine.test_whole_cohort import whole
from tests.integration.faults.direct import Direct


def test_a_cohort_comes_changes_and_goes(tmp_path, cloud):
    cohort = Direct(tmp_path, cloud)
    try:
        cold = cohort.call(whole(cohort, "ada", "grace"))
        assert not cold.get("failed"), cold["msg"]
        assert [one["status"] for one in cold["instances"]] == ["ACTIVE", "ACTIVE"]
        assert not cohort.call(whole(cohort, "ada", "grace"))["changed"]
        task = whole(cohort, "ada", "grace", security_group_rules=[], state="started", security_groups=["default"])
        planned, done = cohort.call(task, check=True), cohort.call(task)
        assert done["instances"] == planned["instances"]
        assert len(done["network_stack"]["actions"]) == 2
        assert not cohort.call(task)["changed"]
    finally:
        gone = cohort.call(whole(cohort, "ada", "grace", state="absent"))
    assert not gone.get("failed"), gone["msg"]
    assert not any(cohort.remains().values())
