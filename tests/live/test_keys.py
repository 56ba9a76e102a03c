"""Where keys come from, and that nothing of them is shown on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from live.keys import read_keys

KEY, SECRET = "PKABCDEFGH12345678", "s3cret/of+the=account"
BOTH = {"APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": SECRET}


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "keys.env"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_the_environment_gives_them_and_has_them_no_longer():
    environment = {**BOTH, "HOME": "here"}
    keys = read_keys(None, environment)
    assert (keys.key.reveal(), keys.secret.reveal()) == (KEY, SECRET)
    assert environment == {"HOME": "here"}


@pytest.mark.parametrize(
    "text",
    [
        f"APCA_API_KEY_ID={KEY}\nAPCA_API_SECRET_KEY={SECRET}\n",
        f"# paper\n\nexport APCA_API_KEY_ID = '{KEY}'\n  export APCA_API_SECRET_KEY=\"{SECRET}\"  \nOTHER=1",
    ],
)
def test_a_file_gives_them_as_a_shell_would_read_them(text: str, tmp_path: Path):
    environment = {"APCA_API_KEY_ID": "another"}
    keys = read_keys(written(tmp_path, text), environment)
    assert (keys.key.reveal(), keys.secret.reveal()) == (KEY, SECRET)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_file_that_others_can_read_is_refused(mode: int, tmp_path: Path):
    file = written(tmp_path, f"APCA_API_KEY_ID={KEY}\nAPCA_API_SECRET_KEY={SECRET}\n", mode)
    with pytest.raises(InputError, match=f"mode {mode:04o}") as refused:
        read_keys(file, {})
    assert refused.value.remedy == f"chmod 600 {file}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no APCA_API_KEY_ID and no APCA_API_SECRET_KEY"),
        (f"APCA_API_KEY_ID={KEY}\nAPCA_API_SECRET_KEY=\n", "has no APCA_API_SECRET_KEY"),
        (f"#APCA_API_KEY_ID={KEY}\nAPCA_API_SECRET_KEY={SECRET}\n", "has no APCA_API_KEY_ID"),
        (f"APCA_API_KEY_ID={KEY}\nAPCA_API_SECRET_KEY={SECRET} and more\n", "characters that no key has"),
    ],
)
def test_a_file_without_them_is_named_and_not_shown(text: str, problem: str, tmp_path: Path):
    with pytest.raises(InputError, match=problem) as refused:
        read_keys(written(tmp_path, text), {})
    assert KEY not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_what_is_no_file_of_text(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read"):
        read_keys(tmp_path / "none", {})
    file = tmp_path / "bytes"
    file.write_bytes(b"\xff\xfe")
    file.chmod(0o600)
    with pytest.raises(InputError, match="is not text"):
        read_keys(file, {})
