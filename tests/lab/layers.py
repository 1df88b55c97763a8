# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers over the base: more Debian packages for the hosts of the few labs that ask for them, each built once, cached, never changed.

A layer is what the installation of `layers/NAME.txt` has changed, so the base stays small and quick to build for everybody else.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import Final

from tests.lab import base
from tests.lab.errors import MissingPart

LISTS: Final = Path(__file__).with_name("layers")
# As in the base, nothing starts by itself: each test starts what it is about. The mount ends with the namespace that it is made in.
BUILD: Final = """
set -e
mount -t overlay -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" breakglass-lab "$0/root"
mount -t proc proc "$0/root/proc"
printf '#!/bin/sh\\nexit 101\\n' > "$0/root/usr/sbin/policy-rc.d"
chmod 755 "$0/root/usr/sbin/policy-rc.d"
shift
exec chroot "$0/root" /bin/sh -c "$1" sh "$@"
"""
INSTALL: Final = """
set -e
shift
before="$(systemctl list-unit-files --state=enabled --no-legend | cut -d ' ' -f 1 | sort)"
apt-get -q update
apt-get -q -y --no-install-recommends install "$@"
systemctl list-unit-files --state=enabled --no-legend | cut -d ' ' -f 1 | sort > /tmp/after
for unit in $(printf '%s\\n' "$before" | comm -13 - /tmp/after); do systemctl disable -q "$unit"; done
rm -f /usr/sbin/policy-rc.d /tmp/after
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt
"""


def layer(name: str) -> Path:
    """A layer, built if it is not there, one or two minutes; raises MissingPart, BrokenLab."""
    packages = _packages(name)
    tree = base.base_or_fail()
    recipe = "\n".join([tree.name, BUILD, INSTALL, *packages])
    built = base.CACHE / f"layer-{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    with base.only_one():
        if not built.is_dir():
            _build(name, built, tree, packages)
    return built


def _packages(name: str) -> list[str]:
    lists = {path.stem: path for path in LISTS.glob("*.txt")}
    if name not in lists:
        raise MissingPart(f"There is no layer {name}. There are: {', '.join(sorted(lists))}.")
    return base.packages(lists[name])


def _build(name: str, built: Path, tree: Path, packages: list[str]) -> None:
    new = built.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    for part in ("upper", "work", "root"):
        (new / part).mkdir(parents=True)
    log = base.CACHE / f"build-{name}.log"
    log.unlink(missing_ok=True)
    print(f"Building the layer {name} in {built}, one or two minutes; log in {log} …", flush=True)
    began = time.monotonic()
    apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c")
    base.do(log, *apart, BUILD, str(new), str(tree), INSTALL, *packages)
    (new / "upper").rename(built)
    shutil.rmtree(new)
    print(f"Built in {time.monotonic() - began:.0f} s.", flush=True)
