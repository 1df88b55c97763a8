# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation's files as a person would write them; nothing runs, and its Vault is not there."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml

from breakglass.demo.installation import Installation, write_inventory, write_settings
from breakglass.doctor.known import SETTINGS, Asked, Known
from breakglass.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from breakglass.doctor.findings import Finding
    from breakglass.settings import Settings


@dataclass(frozen=True)
class Files:
    """The files, and what the checks know of them."""

    place: Installation
    known: Known

    def change(self, change: Callable[[dict[str, object]], object]) -> Settings:
        """Edit the settings, and load them."""
        settings = yaml.safe_load(self.place.settings.read_text(encoding="utf-8"))
        change(settings)
        self.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
        loaded = load_settings(self.place.settings)
        self.known.learn(SETTINGS, loaded)
        return loaded

    def look(self, check: Callable[[Known], Iterable[Finding]]) -> list[tuple[str, str]]:
        """Mark and sentence of what a check finds."""
        return [(finding.mark.value, finding.says) for finding in check(self.known)]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """Good files, but for the runner's login, which nobody has issued."""
    place = Installation(tmp_path / "site", tmp_path)
    place.directory.mkdir()
    write_settings(place, "http://127.0.0.1:9", "json://127.0.0.1:9/")
    write_inventory(place, 1, ["true"], ["true"], "http://127.0.0.1:9/")
    with ExitStack() as endings:
        files = Files(place, Known(Asked(place.settings, "ada"), endings))
        files.change(lambda _: None)
        yield files
