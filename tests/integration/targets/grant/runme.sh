#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A grant is opened, used and proven gone in a real OpenBao, which this target starts and ends by itself.
set -eu
exec "${ANSIBLE_TEST_PYTHON_INTERPRETER:-python3}" open_and_close.py "$@"
