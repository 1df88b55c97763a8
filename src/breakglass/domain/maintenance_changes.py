# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes allowed by changed maintenance windows: each of them only takes away, so one that is gone allows more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.change import Change, Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from breakglass.domain.maintenance import Window


def window_changes(old: Iterable[Window], new: Iterable[Window]) -> Iterator[Change]:
    """Every difference of meaning; a window at another time counts as more, since it was closed then and is not now."""
    before, after = ({window.name: window for window in windows} for windows in (old, new))
    for name in [*before, *(name for name in after if name not in before)]:
        for effect, text in _differences(before.get(name), after.get(name)):
            yield Change(effect, f"maintenance {name}: {text}")


def _differences(old: Window | None, new: Window | None) -> Iterator[tuple[Effect, str]]:
    if new is None or old is None:
        if window := new or old:
            effect, word = (Effect.MORE, "gone, it observed") if new is None else (Effect.LESS, "new, observes")
            yield effect, f"is {word} {', '.join(window.hosts)} {window.schedule} for {_words(window.lasts)}"
        return
    if more := sorted(set(new.hosts) - set(old.hosts)):
        yield Effect.LESS, f"hosts has {', '.join(more)}, too"
    if gone := sorted(set(old.hosts) - set(new.hosts)):
        yield Effect.MORE, f"hosts no longer has {', '.join(gone)}"
    if old.schedule != new.schedule:
        yield Effect.MORE, f"opens {new.schedule}, was {old.schedule}"
    if old.lasts != new.lasts:
        effect = Effect.LESS if new.lasts > old.lasts else Effect.MORE
        yield effect, f"lasts {_words(new.lasts)}, was {_words(old.lasts)}"


def _words(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f}s"
