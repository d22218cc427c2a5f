"""The script that downloads another host's wheels, with pip itself on wheels that are made here."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

FILES = pathlib.Path(__file__).parents[3] / "roles" / "offline_packages" / "files"
SPEC = importlib.util.spec_from_file_location("wheelhouse", FILES / "wheelhouse.py")
wheelhouse = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(wheelhouse)


def host(version: str = "3.10", machine: str = "aarch64", glibc: str = "2.35") -> dict:
    """A host that is unlike any machine this runs on."""
    return {
        "machine": machine,
        "glibc": glibc,
        "markers": {
            "implementation_name": "cpython",
            "implementation_version": f"{version}.1",
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{version}.1",
            "python_version": version,
            "sys_platform": "linux",
        },
    }


def make_wheel(directory: pathlib.Path, name: str, tags: str, requires: str = "") -> None:
    """Make a wheel that holds nothing but its name."""
    with zipfile.ZipFile(directory / f"{name}-1.0-{tags}.whl", "w") as wheel:
        info = f"{name}-1.0.dist-info"
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tags}\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def own(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A directory with a wheel of pip, and pip told to use no index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    directory = tmp_path / "own"
    directory.mkdir()
    make_wheel(directory, "pip", "py3-none-any")
    return directory


def asked(requirements: str, own: pathlib.Path, of: dict, dependencies: bool = True) -> dict:
    """What the script reads."""
    return {
        "host": of,
        "requirements": requirements,
        "dependencies": dependencies,
        "cache": str(own.parent / "cache"),
        "find_links": [str(own)],
    }


def names(requirements: str, own: pathlib.Path, of: dict, dependencies: bool = True) -> list[str]:
    """The wheels that are downloaded."""
    request = asked(requirements, own, of, dependencies)
    with zipfile.ZipFile(wheelhouse.archive(request)) as made:
        return sorted(name for name in made.namelist() if not name.startswith("pip-") and name != "requirements.txt")


def test_platforms_of_a_newer_glibc_or_another_machine_are_not_named():
    tags = wheelhouse.platforms("x86_64", "2.17")
    assert tags[:3] == ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_16_x86_64"]
    assert tags[-2:] == ["manylinux1_x86_64", "linux_x86_64"]


@pytest.mark.parametrize("glibc", ["", "1.2", "musl"])
def test_another_c_library_is_refused(glibc):
    with pytest.raises(wheelhouse.NoWheelsError, match="not glibc"):
        wheelhouse.platforms("x86_64", glibc)


def test_another_python_is_refused():
    pypy = host()
    pypy["markers"] |= {"implementation_name": "pypy", "platform_python_implementation": "PyPy"}
    with pytest.raises(wheelhouse.NoWheelsError, match="PyPy"):
        wheelhouse.pip_arguments(pypy)


@pytest.mark.parametrize(
    "fitting",
    [
        "cp310-cp310-manylinux_2_35_aarch64",
        "cp37-abi3-manylinux2014_aarch64",
        "py3-none-any",
        "cp310-cp310-linux_aarch64",
    ],
)
def test_only_the_hosts_own_wheels_get_in(own, fitting):
    for tags in (
        "cp310-cp310-manylinux_2_36_aarch64",
        "cp310-cp310-musllinux_1_2_aarch64",
        "cp310-cp310-macosx_11_0_arm64",
        "cp310-cp310-manylinux_2_17_x86_64",
        "cp310-cp310-win_amd64",
        "cp311-cp311-manylinux_2_17_aarch64",
        "cp311-abi3-manylinux_2_17_aarch64",
        fitting,
    ):
        make_wheel(own, "compiled", tags)
    assert names("compiled==1.0", own, host()) == [f"compiled-1.0-{fitting}.whl"]


def test_what_has_no_wheel_is_named_with_the_mend(own):
    make_wheel(own, "compiled", "cp310-cp310-win_amd64")
    with pytest.raises(wheelhouse.NoWheelsError) as error:
        names("compiled==1.0", own, host())
    said = str(error.value)
    assert "requirement compiled==1.0 has no wheel for Python 3.10 on aarch64 with glibc 2.35" in said
    assert "offline_packages_find_links" in said
    assert not list((own.parent / "cache").glob("*.zip"))


def test_markers_ask_the_host(own):
    make_wheel(
        own, "base", "py3-none-any", requires='backport; python_version < "3.11" and platform_machine == "aarch64"'
    )
    make_wheel(own, "backport", "py3-none-any")
    wanted = 'base==1.0\nabsent; python_version >= "3.11"\nabsent; platform_machine == "x86_64"'
    assert names(wanted, own, host()) == ["backport-1.0-py3-none-any.whl", "base-1.0-py3-none-any.whl"]
    assert names("base==1.0", own, host("3.11")) == ["base-1.0-py3-none-any.whl"]


def test_what_requirements_need_is_left_out_when_they_name_everything(own):
    make_wheel(own, "base", "py3-none-any", requires="absent")
    assert names("base==1.0", own, host(), dependencies=False) == ["base-1.0-py3-none-any.whl"]
    with pytest.raises(wheelhouse.NoWheelsError, match="absent"):
        names("base==1.0", own, host())


def test_the_archive_is_made_once_for_each_kind_of_host(own):
    request = asked("", own, host())
    first = wheelhouse.archive(request)
    written = first.stat().st_mtime_ns
    assert wheelhouse.archive(request) == first and first.stat().st_mtime_ns == written
    assert wheelhouse.archive({**request, "host": host("3.12")}) != first
    make_wheel(own, "added", "py3-none-any")
    assert wheelhouse.archive(request) != first
    assert [path.suffix for path in (own.parent / "cache").iterdir() if path.name != ".lock"] == [".zip"] * 3


def test_hashes_are_insisted_on(own):
    make_wheel(own, "compiled", "py3-none-any")
    with pytest.raises(wheelhouse.NoWheelsError, match=r"(?i)hash"):
        names(f"compiled==1.0 --hash=sha256:{'0' * 64}", own, host())


def test_it_says_what_this_machine_is():
    asked = subprocess.run([sys.executable, str(FILES / "ask.py")], check=True, capture_output=True, text=True)
    said = json.loads(asked.stdout)
    assert said["markers"]["python_version"] == ".".join(map(str, sys.version_info[:2]))
    assert said["markers"].keys() == host()["markers"].keys()
    assert re.fullmatch(r"2\.\d+", said["glibc"])
