"""Make a wheel of one module.

usage: wheel.py DIRECTORY NAME [CODE]   without CODE, it lacks the list of its files, so that pip can't install it
"""

import pathlib
import sys
import zipfile

directory, name, *code = sys.argv[1:]
info = f"{name}-1.0.dist-info"
files = {
    f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
if code:
    files[f"{name}.py"] = code[0]
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files)
pathlib.Path(directory).mkdir(exist_ok=True)
with zipfile.ZipFile(pathlib.Path(directory, f"{name}-1.0-py3-none-any.whl"), "w") as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
