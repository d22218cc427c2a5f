#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install an archive of wheels into a Python environment, made when it is missing: without pip, without an index.

usage: install.py ARCHIVE ENVIRONMENT [OPTION]...   with options of pip's for the requirements
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

archive, environment, *options = sys.argv[1:]
python = os.path.join(environment, "bin", "python")
# Not the settings of a pip that is configured on the host for something else
settings = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
settings["PIP_CONFIG_FILE"] = os.devnull

os.umask(0o022)  # whatever root's is: others use what is installed here
packages = os.path.join(environment, "lib", os.path.basename(os.path.realpath(python)))
if not (os.path.exists(python) and os.path.isdir(packages)):
    # What would bring pip into it is a package of its own on Debian
    make = [sys.executable, "-m", "venv", "--without-pip", environment]
    is_environment = os.path.exists(os.path.join(environment, "pyvenv.cfg"))  # not a directory with somebody's files
    subprocess.run([*make, "--clear"] if is_environment else make, check=True)
with tempfile.TemporaryDirectory(dir="/var/tmp") as wheels:
    shutil.unpack_archive(archive, wheels, "zip")
    (pip,) = glob.glob(os.path.join(glob.escape(wheels), "pip-*.whl"))
    for wanted in (["pip"], [*options, "--requirement", os.path.join(wheels, "requirements.txt")]):
        subprocess.run(
            [
                python,
                os.path.join(pip, "pip"),
                "install",
                "--no-index",
                f"--find-links={wheels}",
                "--no-cache-dir",
                "--disable-pip-version-check",
                "--quiet",
                "--root-user-action=ignore",
                *wanted,
            ],
            check=True,
            env=settings,
        )
