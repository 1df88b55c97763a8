# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints, keys and their files against C2SP signed-note and tlog-checkpoint."""

from __future__ import annotations

import stat
from base64 import b64decode

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import (
    BrokenCheckpoint,
    BrokenKey,
    Checkpoint,
    CheckpointConflict,
    PublicKey,
    UnsignedCheckpoint,
    checkpoint_path,
    open_note,
    read_checkpoints,
    sign,
    write_checkpoint,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.keys_file import (
    MissingKeys,
    read_keys,
    write_keys,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.local_key import LocalKey, UnusableKeyFile
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.note import sign_text, signed_text
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.plugins.journal.sealed_journal import KEY, KEYS, OTHER_KEY

# From the documentation of golang.org/x/mod/sumdb/note.
GO_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = f"{GO_TEXT}\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
# From the specification of tlog-checkpoint.
C2SP_TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

CHECKPOINT = Checkpoint("breakglass/INC-1/play-1", 12, bytes(range(32)))
NOTE = sign(CHECKPOINT, KEY)


def test_go_s_example_key_and_note_come_out_byte_for_byte(tmp_path):
    """A key file of the Go implementation signs its example to the same note, and its public key opens that."""
    file = tmp_path / "key"
    file.write_text(GO_PRIVATE + "\n")
    file.chmod(0o600)
    key = LocalKey.load(file)
    assert key.key().vkey() == GO_PUBLIC
    assert sign_text(GO_TEXT, key) == GO_NOTE
    assert signed_text(GO_NOTE, [PublicKey.parse(GO_PUBLIC)]) == (GO_TEXT, key.key())


def test_the_specification_s_checkpoint_is_read_and_written():
    """The example text of tlog-checkpoint is a checkpoint of ours."""
    checkpoint = Checkpoint.parse(C2SP_TEXT)
    assert checkpoint.size == 20852163
    assert checkpoint.root == b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert checkpoint.text() == C2SP_TEXT


def test_a_signed_checkpoint_is_opened_by_its_key():
    """What was signed comes back, whichever other keys are known."""
    assert open_note(NOTE, [OTHER_KEY.key(), KEY.key()]) == CHECKPOINT


def test_nobody_s_signature_is_no_signature():
    """Without the key that signed it, a checkpoint is unsigned; so it is without any key."""
    for keys in ((), (OTHER_KEY.key(),)):
        with pytest.raises(UnsignedCheckpoint):
            open_note(NOTE, keys)


def test_a_signature_of_a_witness_beside_ours_does_no_harm():
    """Signatures of unknown keys are passed over; the known one still counts."""
    witness = sign(CHECKPOINT, OTHER_KEY).rpartition("\n\n")[2]
    assert open_note(NOTE + witness, KEYS) == CHECKPOINT


def test_no_byte_of_a_note_can_change():
    """Every flipped bit, and every other end, makes a note broken or unsigned: not even base64 has a second spelling."""
    note = NOTE.encode()
    flips = {(position, 1 << bit) for position in range(len(note)) for bit in range(8)}
    ends = {(position, flip) for position in range(len(note) - 6, len(note)) for flip in range(1, 256)}
    for position, flip in flips | ends:
        changed = bytearray(note)
        changed[position] ^= flip
        with pytest.raises((BrokenCheckpoint, UnsignedCheckpoint)):
            open_note(changed.decode(errors="surrogateescape"), KEYS)


@given(st.text(max_size=200))
def test_any_text_is_a_checkpoint_or_refused(text):
    """Outside text ends in our errors."""
    with pytest.raises((BrokenCheckpoint, UnsignedCheckpoint)):
        open_note(text, KEYS)
    with pytest.raises(BrokenCheckpoint):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "text", [C2SP_TEXT + "extension\n", C2SP_TEXT.replace("2085", "02085"), C2SP_TEXT[:-1], "\n" + C2SP_TEXT]
)
def test_a_text_that_is_nearly_a_checkpoint_is_refused(text):
    """Extension lines, leading zeros and missing ends are not ours."""
    with pytest.raises(BrokenCheckpoint):
        Checkpoint.parse(text)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak", "a\u00a0b"])
def test_a_key_s_name_has_no_spaces_and_plus_signs(name):
    """Names that signed-note does not allow are refused before anything is signed under them."""
    with pytest.raises(BrokenKey):
        PublicKey(name, bytes(32))


@pytest.mark.parametrize(
    "vkey", ["", "a+b", "a+b+c", GO_PUBLIC.replace("c74f", "c74e"), GO_PUBLIC + "A", GO_PUBLIC.replace("+AR", "+BR")]
)
def test_a_damaged_verifier_key_is_refused(vkey):
    """A key with another id, type or length is not a key."""
    with pytest.raises(BrokenKey):
        PublicKey.parse(vkey)


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_refused(text):
    """Outside text for a key ends in our error."""
    with pytest.raises(BrokenKey):
        PublicKey.parse(text)


def test_a_local_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    """The file is 0600, is never replaced, and gives back the same key."""
    path = tmp_path / "signing.key"
    key = LocalKey.create(path, "breakglass-journal/v1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert LocalKey.load(path).key() == key.key()
    with pytest.raises(UnusableKeyFile):
        LocalKey.create(path, "breakglass-journal/v1")
    path.chmod(0o640)
    with pytest.raises(UnusableKeyFile, match="chmod 600"):
        LocalKey.load(path)


@pytest.mark.parametrize("text", ["", GO_PUBLIC, GO_PRIVATE[:-4], GO_PRIVATE.replace("c74f", "c74e"), "PRIVATE+KEY+x"])
def test_a_damaged_key_file_is_refused_without_showing_it(tmp_path, text):
    """The error for a damaged signing key names the file, not its content."""
    path = tmp_path / "signing.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BrokenKey) as caught:
        LocalKey.load(path)
    assert "AYEK" not in str(caught.value)


def test_a_missing_key_file_is_named(tmp_path):
    """A signing key that is not there is our error."""
    with pytest.raises(UnusableKeyFile, match=r"no\.key"):
        LocalKey.load(tmp_path / "no.key")


def test_public_keys_are_kept_one_a_line(tmp_path):
    """Keys are read as they were written; comments and empty lines are passed over; a rotation replaces the file."""
    path = tmp_path / "below" / "journal.keys"
    write_keys(path, [KEY.key()])
    write_keys(path, [KEY.key(), OTHER_KEY.key()])
    path.write_text("# the keys\n\n" + path.read_text())
    assert read_keys(path) == (KEY.key(), OTHER_KEY.key())
    assert [name.name for name in path.parent.iterdir()] == ["journal.keys"]


def test_public_keys_that_are_not_there_or_damaged_are_named(tmp_path):
    """A missing file and a bad line are our errors, with the place."""
    with pytest.raises(MissingKeys):
        read_keys(tmp_path / "journal.keys")
    (tmp_path / "journal.keys").write_text(f"{KEY.key().vkey()}\nnonsense\n")
    with pytest.raises(BrokenKey, match="line 2"):
        read_keys(tmp_path / "journal.keys")
    (tmp_path / "journal.keys").write_bytes(b"\xff")
    with pytest.raises(MissingKeys):
        read_keys(tmp_path / "journal.keys")


def test_a_checkpoint_is_kept_beside_its_stream_and_never_replaced(tmp_path):
    """The same note twice is fine, another of that size is refused, and nothing but checkpoints is left behind."""
    stream = tmp_path / "play-1.jsonl"
    path = write_checkpoint(stream, NOTE, 12)
    assert path == checkpoint_path(stream, 12) == tmp_path / "play-1.12.checkpoint"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert write_checkpoint(stream, NOTE, 12) == path
    with pytest.raises(CheckpointConflict):
        write_checkpoint(stream, sign(CHECKPOINT, OTHER_KEY), 12)
    write_checkpoint(stream, NOTE, 3)
    write_checkpoint(tmp_path / "play-1.x.jsonl", NOTE, 7)
    assert read_checkpoints(stream) == [(3, NOTE), (12, NOTE)]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_checkpoint_that_can_t_be_kept_is_said(tmp_path):
    """A directory that is not there is our error."""
    with pytest.raises(BreakglassError, match="can't be written"):
        write_checkpoint(tmp_path / "no" / "play-1.jsonl", NOTE, 12)
