"""Profile files: written whole, read exactly, and refused with the key at fault."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.errors import InputError
from core.profiles import Profile, read_profile, write_profile

MINE = Profile(
    "alpaca_paper-v1",
    "alpaca_paper",
    ["paper-1"],
    {"half_spread_bps": Decimal("1.7"), "submit_latency": "312.5ms", "fees": False},
    {"spread": {"orders": 40, "days": 9, "gain": 0.5}},
)


def test_a_profile_comes_back_as_it_was(tmp_path):
    path = write_profile(MINE, tmp_path / "profiles" / "mine.toml")
    found = read_profile(path)
    assert (found.name, found.profile, found.fitted_from) == (MINE.name, MINE.profile, ["paper-1"])
    assert found.venue == MINE.venue
    assert found.settings() == {"profile": "alpaca_paper", "calibration": "alpaca_paper-v1", **MINE.venue}


def test_a_file_is_never_overwritten(tmp_path):
    path = write_profile(MINE, tmp_path / "mine.toml")
    with pytest.raises(InputError, match="already exists"):
        write_profile(MINE, path)


@pytest.mark.parametrize(
    ("before", "after", "place", "problem"),
    [
        ("schema = 1", "schema = 2", "schema", "is 2, not 1"),
        ('profile = "alpaca_paper"\n', 'profile = "mine"\n', "profile", "is 'mine'"),
        ("half_spread_bps", "half_spread", "venue.half_spread", "is no number of a profile"),
        ('name = "alpaca_paper-v1"\n', "", "name", "is missing"),
        ("schema = 1", "schema", "mine.toml", "cannot be read as TOML"),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path, before, after, place, problem):
    path = write_profile(MINE, tmp_path / "mine.toml")
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(InputError) as refused:
        read_profile(path)
    assert refused.value.place.endswith(place)
    assert problem in refused.value.problem


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: there is no such file"):
        read_profile(tmp_path / "none.toml")
