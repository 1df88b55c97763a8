# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run has a scribe. Nothing of it is loaded when no variable asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .place import Place
    from .scribe import Scribe


def scribe_for(environ: Mapping[str, str], place: Place) -> Scribe | None:
    """Have the run signed with the key that `BREAKGLASS_SIGNING_KEY` names; a runner signs its runs itself.

    Raises:
        BreakglassError: The key can't be used, so the run may not begin.
    """
    if place.under_runner or not environ.get("BREAKGLASS_SIGNING_KEY"):
        return None
    from .._journal.file_signer import signer_from  # noqa: PLC0415
    from .scribe import Scribe  # noqa: PLC0415

    signer = signer_from(environ)
    return None if signer is None else Scribe.start(place, signer)
