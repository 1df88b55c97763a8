# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/reference/openapi.json, the description of the runner's API, from the operations as they are declared.

python -m tools.openapi_document
"""

from __future__ import annotations

import json
from typing import Final

from tools.role_docs import REPOSITORY

from breakglass.web.api import api_document

REFERENCE: Final = REPOSITORY / "docs" / "reference" / "openapi.json"


def text() -> str:
    """The document as the file has it."""
    return json.dumps(api_document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    REFERENCE.write_text(text(), encoding="utf-8")
