# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The script that takes a change back, or confirms it. Pure: texts only, no I/O.

It runs without Python and without the control machine, also after a reboot. Whoever renames ``armed`` first has
decided: the timer, which takes the change back, or the operator, who confirms it. What he confirmed stays beside the
directory, for an operator who did not get the answer.
"""

from __future__ import annotations

import shlex

UNIT = "coursevm-commit"
DIRECTORY = "/var/lib/coursevm/commit"
SCRIPT = """\
#!/bin/sh
# guard take-back | guard confirm TOKEN
cd {directory} || exit 3

disarm() {{
    # Stopped while its service is there, or it would count as failed
    systemctl --quiet stop {unit}.timer
    systemctl --quiet disable {unit}.timer
    rm -f {units}/{unit}.timer {units}/{unit}.service
    systemctl daemon-reload
    rm -rf {directory}
}}

take_back() {{
    :
{lines}
}}

case $1 in
confirm)
    [ "$(cat armed)" = "$2" ] && mv armed {directory}.confirmed || {{ echo 'it was taken back before' >&2; exit 4; }}
    disarm
    ;;
take-back)
    # "taking-back" is there already when the host went down in the middle of it
    [ ! -e armed ] || mv armed taking-back
    if [ -e taking-back ]; then
        take_back
        echo 'What nobody confirmed was taken back.'
    fi
    disarm
    ;;
esac
"""
SERVICE = """\
[Unit]
Description=Take back the change to the way in that nobody confirmed

[Service]
Type=oneshot
ExecStart=/bin/sh {directory}/guard take-back
"""
# Enabled, so that a host that reboots before the confirmation takes the change back as well
TIMER = """\
[Unit]
Description=Take back the change to the way in unless it is confirmed

[Timer]
OnActiveSec={seconds}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def restore(path: str, copy: str | None) -> str:
    """The command that brings a file back as it was; without a copy there was none."""
    target = shlex.quote(path)
    if copy is None:
        return f"rm -f {target}"
    saved, beside = shlex.quote(copy), shlex.quote(f"{path}.coursevm")
    # Beside it and renamed, so that nobody reads half of it; on a full disk, in the space of what it replaces
    return (
        f"cp -a {saved} {beside} && mv -f {beside} {target}"
        f" || {{ rm -f {beside}; cp -a --remove-destination {saved} {target}; }}"
    )


def guard_script(
    directory: str, saved: list[tuple[str, str | None]], undo: list[str], units: str = "/etc/systemd/system"
) -> str:
    """The script. ``saved`` has each file and its copy; ``undo`` are shell commands, run once the files are back.

    What fails does not keep the rest from being taken back.
    """
    commands = [restore(path, copy) for path, copy in saved]
    commands += [f"/bin/sh -c {shlex.quote(command)}" for command in undo]
    return SCRIPT.format(
        directory=shlex.quote(directory),
        unit=UNIT,
        units=shlex.quote(units),
        lines="\n".join(commands),
    )


def confirm_command(token: str, directory: str = DIRECTORY) -> str:
    """Confirms the change of this token; succeeds also when it was confirmed before."""
    return f"{_is_confirmed(token, directory)} || {_guard(directory)} confirm {shlex.quote(token)}"


def take_back_command(directory: str = DIRECTORY) -> str:
    """Takes back what is not confirmed; by systemd where it can, so that it doesn't run twice at a time."""
    return f"systemctl start {UNIT}.service || {_guard(directory)} take-back"


def outcome_command(token: str, directory: str = DIRECTORY) -> str:
    """Prints ``confirmed`` or ``taken back``; fails as long as it is neither."""
    gone = f"test ! -e {shlex.quote(directory)}"
    return f"if {_is_confirmed(token, directory)}; then echo confirmed; else {gone} && echo taken back; fi"


def _is_confirmed(token: str, directory: str) -> str:
    return f'[ "$(cat {shlex.quote(directory)}.confirmed 2> /dev/null)" = {shlex.quote(token)} ]'


def _guard(directory: str) -> str:
    return f"/bin/sh {shlex.quote(directory)}/guard"
