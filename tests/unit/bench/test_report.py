"""The report is arithmetic on costs."""

from __future__ import annotations

from bench.measure import Cost
from bench.report import Result, above_the_quickest, markdown, rows


def result(client, step, seconds, requests, size=2):
    return Result(client, size, step, Cost({"nova": requests, "keystone": 1}, 0, seconds, seconds / 2, 50))


RESULTS = [
    result("coursevm", "cold", 11.0, 24),
    result("coursevm", "cold", 12.0, 26),
    result("coursevm", "cold", 19.0, 24),
    result("coursevm", "unchanged", 4.0, 9),
    result("floor-8", "cold", 10.0, 19),
    result("openstack_cloud", "cold", 120.0, 249),
    result("openstack_cloud", "unchanged", 40.0, 99),
]


def test_a_row_has_medians_and_the_range():
    row = rows(RESULTS)[0]
    assert (row.client, row.step, row.runs) == ("coursevm", "cold", 3)
    assert (row.requests, row.seconds, row.quickest, row.slowest) == (25, 12.0, 11.0, 19.0)


def test_steps_come_in_their_order_and_clients_in_that_of_their_runs():
    found = [(row.step, row.client) for row in rows(reversed(RESULTS))]
    assert found == [
        ("cold", "openstack_cloud"),
        ("cold", "floor-8"),
        ("cold", "coursevm"),
        ("unchanged", "openstack_cloud"),
        ("unchanged", "coursevm"),
    ]


def test_the_page_has_a_table_of_costs_and_one_of_ratios():
    page = markdown(RESULTS, {"date": "today"}, ["somebody disturbed it"])
    assert "| date | today |" in page
    assert "| cold | coursevm | 3 | 25 | 12.0 | 11.0 to 19.0 | 6.0 | 50 |" in page
    assert "| cold | openstack_cloud | 10.00 | 10.00 | 10.00 | 1.00 |" in page
    assert "| unchanged | openstack_cloud | 10.00 | 10.00 | 10.00 | 1.00 |" in page
    assert "- cold: coursevm 12.0 s, the quickest other client (floor-8) 10.0 s: +20 %" in page
    assert page.endswith("- somebody disturbed it\n")


def test_without_this_collection_there_are_no_ratios():
    others = [entry for entry in RESULTS if entry.client != "coursevm"]
    page = markdown(others, {}, [])
    assert "÷" not in page
    assert "| cold | floor-8 | 1 | 20 |" in page
    assert above_the_quickest(rows(others), 2) == []
