"""What wrk says is read right, and the table is arithmetic."""

from __future__ import annotations

import pytest

from bench.proxy import Figure, ProxyBenchError, load_figures, seconds, table

# As wrk 4.1.0 prints it
SAID = """Running 5s test @ http://127.0.0.1/course/api
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     8.64ms    1.31ms  25.77ms   90.11%
    Req/Sec     1.85k   118.61     2.03k    84.00%
  Latency Distribution
     50%    8.43ms
     75%    8.96ms
     90%    9.66ms
     99%    1.46s
  9226 requests in 5.00s, 3.15MB read
Requests/sec:   1844.02
Transfer/sec:    644.68KB
"""


def test_rate_and_latency_are_read():
    assert [(figure.what, figure.value) for figure in load_figures("nginx", 16, SAID)] == [
        ("requests, 16 at a time", 1844.02),
        ("median latency, 16 at a time", pytest.approx(8.43)),
        ("p99 latency, 16 at a time", pytest.approx(1460)),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"), [("860.00us", 0.00086), ("8.43ms", 0.00843), ("1.46s", 1.46), ("1.5m", 90)]
)
def test_every_unit_is_known(text, wanted):
    assert seconds(text) == pytest.approx(wanted)


@pytest.mark.parametrize(
    "more", ["  Non-2xx or 3xx responses: 12\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n", None]
)
def test_a_lost_request_is_no_figure(more):
    with pytest.raises(ProxyBenchError):
        load_figures("nginx", 16, SAID + more if more else "")


def test_the_table_has_medians_and_ratios():
    values = {"direct": [1.0, 2.0, 9.0], "nginx": [3.0, 4.0, 9.0], "nginx, HTTPS": [1.0, 1.0, 90.0]}
    figures = [Figure(way, "latency", "ms", value) for way, found in values.items() for value in found]
    assert table(figures).splitlines()[-1] == "| latency, ms | 2 | 4 | 2.00 | 1 | 1.00 |"
