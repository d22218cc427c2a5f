"""The probe against real servers: one that is right, and one for each thing that goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import requests
from probe_servers import GOOD_HEADERS, PASSWORD, ROOT, free_port, running

from ansible_collections.ouseful.coursevm.plugins.modules.jupyter_probe import Probe


def probe(url: str, **params) -> Probe:
    defaults = {
        "password": PASSWORD,
        "code": "6*7",
        "expect": "42",
        "kernel_name": "",
        "behind_login": [],
        "served_by": "nginx",
        "closed_ports": [],
        "timeout": 60,
        "validate_certs": True,
        "ca_path": None,
    }
    made = Probe({"url": url, **defaults, **params})
    made.run()
    return made


def failed(made: Probe) -> dict[str, str]:
    return {check["name"]: check["detail"] for check in made.checks if not check["ok"]}


def kernels(port: int) -> list[dict]:
    """What Jupyter itself says that it runs."""
    session = requests.Session()
    page = session.get(f"http://127.0.0.1:{port}/login", timeout=10)
    session.post(page.url, data={"password": PASSWORD, "_xsrf": session.cookies["_xsrf"]}, timeout=10)
    answer = session.get(f"http://127.0.0.1:{port}/api/kernels", timeout=10)
    answer.raise_for_status()
    return answer.json()


def test_a_good_server(site, jupyter):
    made = probe(site, closed_ports=[free_port()])
    assert failed(made) == {}
    names = [check["name"] for check in made.checks]
    assert names[:5] == ["login_page", "api_closed", "wrong_password_refused", "password_accepted", "kernel"]
    assert names[5].startswith("port_")
    assert made.output == "42"
    assert kernels(jupyter) == []


def test_below_a_path(start_jupyter, start_nginx):
    url = f"http://127.0.0.1:{start_nginx(start_jupyter('/students/ada/'))}"
    assert failed(probe(f"{url}/students/ada/")) == {}
    # The address without the path: what answers there is not the student's Jupyter
    assert list(failed(probe(f"{url}/"))) == ["login_page"]


@pytest.mark.parametrize(
    ("code", "expect", "detail"),
    [
        ("print('a'); 'b'", "a\n'b'", None),
        ("6*7", "43", "gives '42' instead of '43'"),
        ("1/0", None, "ZeroDivisionError: division by zero"),
    ],
)
def test_what_the_kernel_says(site, jupyter, code, expect, detail):
    wrong = failed(probe(site, code=code, expect=expect))
    assert list(wrong) == (["kernel"] if detail else [])
    assert detail is None or detail in wrong["kernel"]
    assert kernels(jupyter) == []


def test_a_kernel_that_takes_too_long_is_told_and_deleted(site, jupyter):
    wrong = failed(probe(site, code="import time; time.sleep(60)", timeout=8))
    assert wrong == {"kernel": "the kernel has not answered within 8 s"}
    assert kernels(jupyter) == []


def test_a_kernel_by_its_name(site):
    assert failed(probe(site, kernel_name="python3")) == {}
    assert "starting a kernel gives HTTP 500" in failed(probe(site, kernel_name="nosuch"))["kernel"]


def test_what_is_behind_the_login(site, tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with running(command, port, tmp_path / "log", cwd=tmp_path):
        assert failed(probe(site, behind_login=[f"proxy/{port}/"])) == {}
    # Jupyter tells its version to everyone
    assert failed(probe(site, behind_login=["api"])) == {"api_refused": "api is served without a login"}
    assert "HTTP 404" in failed(probe(site, behind_login=["nosuch/"]))["nosuch/_served"]


def test_another_password(site):
    wrong = failed(probe(site, password="another"))
    assert list(wrong) == ["password_accepted"]
    assert "refused (HTTP 401)" in wrong["password_accepted"]


def test_without_nginx(jupyter):
    url = f"http://127.0.0.1:{jupyter}/"
    assert "not by nginx" in failed(probe(url))["login_page"]
    assert failed(probe(url, served_by="")) == {}


def test_a_server_without_a_password(start_jupyter, start_nginx):
    port = start_nginx(start_jupyter(password=None))
    assert "asks for no password" in failed(probe(f"http://127.0.0.1:{port}/"))["login_page"]


def test_a_proxy_that_does_not_pass_on_upgrade(jupyter, start_nginx):
    headers = GOOD_HEADERS.replace("proxy_set_header Upgrade $http_upgrade;", "")
    wrong = failed(probe(f"http://127.0.0.1:{start_nginx(jupyter, headers)}/"))
    assert list(wrong) == ["kernel"]
    assert "HTTP 400: does the proxy pass on the headers Upgrade" in wrong["kernel"]


def test_a_proxy_that_loses_the_port_of_host(jupyter, start_nginx):
    headers = GOOD_HEADERS.replace("$http_host", "$host")
    wrong = failed(probe(f"http://127.0.0.1:{start_nginx(jupyter, headers)}/"))
    assert list(wrong) == ["wrong_password_refused", "password_accepted"]
    assert "Jupyter refuses the Origin" in wrong["password_accepted"]


def test_a_proxy_that_loses_the_port_for_web_sockets_only(jupyter, start_nginx):
    location = f"location ~ /channels$ {{ {GOOD_HEADERS.replace('$http_host', '$host')}"
    wrong = failed(probe(f"http://127.0.0.1:{start_nginx(jupyter, location=location)}/"))
    assert list(wrong) == ["kernel"]
    assert "HTTP 403: Jupyter refuses the Origin" in wrong["kernel"]
    assert kernels(jupyter) == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_login_is_waited_for(jupyter, start_nginx, status):
    location = f"location ~ /login$ {{ limit_req zone=login; limit_req_status {status};"
    assert failed(probe(f"http://127.0.0.1:{start_nginx(jupyter, location=location)}/")) == {}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS")
def test_https(jupyter, start_nginx, tmp_path):
    certificate = tmp_path / "host.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    names = [
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        certificate,
        "-out",
        tmp_path / "ca.pem",
    ]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    certificate.write_text(certificate.read_text() + (tmp_path / "ca.pem").read_text())
    url = f"https://127.0.0.1:{start_nginx(jupyter, certificate=str(certificate))}/"
    wrong = failed(probe(url))
    assert list(wrong) == ["login_page"]
    assert "certificate is not trusted" in wrong["login_page"] and "'ca_path'" in wrong["login_page"]
    assert failed(probe(url, ca_path=str(tmp_path / "ca.pem"))) == {}
    assert failed(probe(url, validate_certs=False)) == {}


def test_an_open_port(site, jupyter):
    wrong = failed(probe(site, closed_ports=[jupyter]))
    assert list(wrong) == [f"port_{jupyter}_closed"]


def test_nobody_there():
    port = free_port()
    wrong = failed(probe(f"http://127.0.0.1:{port}/", timeout=3, closed_ports=[port]))
    assert wrong == {"login_page": f"http://127.0.0.1:{port}/: no answer (Connection refused) within 3 s"}


def test_jupyter_down_behind_nginx(start_nginx):
    wrong = failed(probe(f"http://127.0.0.1:{start_nginx(free_port())}/", timeout=3))
    assert "only HTTP 502 Bad Gateway within 3 s" in wrong["login_page"]


def run_module(**arguments) -> dict:
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-i", "localhost,", "-c", "local"]
    command += ["-m", "ouseful.coursevm.jupyter_probe", "-a", json.dumps(arguments)]
    environment = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout
    return json.loads(output.partition(" => ")[2])


def test_the_module(site):
    result = run_module(url=site.rstrip("/"), password=PASSWORD, expect="42")
    assert (result["changed"], result["output"]) == (False, "42")
    assert PASSWORD not in json.dumps(result)


def test_the_module_says_which_checks_failed(site, jupyter):
    result = run_module(url=site, password="another", closed_ports=[jupyter])
    assert "2 of 5 checks failed: password_accepted: the password is refused" in result["msg"]
    assert f"port_{jupyter}_closed: " in result["msg"]


@pytest.mark.parametrize("url", ["127.0.0.1", "ftp://host/", "http:///", "http://host/lab?x=1"])
def test_a_bad_url_is_refused_before_anything_is_asked(url):
    assert "is not a base URL" in run_module(url=url, password="x")["msg"]
