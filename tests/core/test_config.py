"""Scenario files: what a good one means, and what a bad one is told."""

import subprocess
import sys
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.config import Settings, bundled, config_hash, load_settings, to_toml
from core.errors import InputError
from core.kernel import kinds
from core.settings import expect
from core.settings.problems import SECTIONS
from core.settings.venue import PROFILES

ROOT = Path(__file__).parents[2]
HEAD = 'schema = 1\nname = "small"\nproves = "The smallest scenario loads."\n'
DATA = '[data]\nbars = "bars"\n'
STRATEGY = '[strategies.one]\nuse = "package.module:Class"\n'
SMALL = HEAD + DATA + STRATEGY


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "small.toml"


def read(file: Path, text: str, overrides: dict[str, Any] | None = None) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file, overrides)


def test_the_documented_defaults(file: Path) -> None:
    loaded = read(file, SMALL)
    assert (loaded.schema_version, loaded.seed, loaded.title) == (1, 1, None)
    assert loaded.account.cash == 100_000
    assert (loaded.account.multiplier, loaded.account.regime, loaded.account.shorting) == (2, "auto", True)
    assert loaded.risk.trade_risk == Decimal("0.01")
    assert loaded.risk.stale_after == 180 * 10**9
    assert loaded.sizing.kelly_fraction == Decimal("0.25")
    assert loaded.breaker.cap == 60 * 10**9
    assert loaded.venue.profile == "alpaca_paper"
    assert loaded.halts == loaded.expect == loaded.faults == ()


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_fills_what_is_not_given(file: Path, profile: str) -> None:
    text = SMALL + f'[venue]\nprofile = "{profile}"\nslippage_bps = 3\nfill_latency = "1s"\n'
    venue = read(file, text).venue
    given = {"slippage_bps": 3, "fill_latency": 10**9}
    for key, value in PROFILES[profile].items():
        if key not in given and not key.endswith("latency"):
            assert getattr(venue, key) == value, key
    assert (venue.slippage_bps, venue.fill_latency) == (3, 10**9)


def test_the_profiles_give_the_same_keys() -> None:
    keys = [set(numbers) for numbers in PROFILES.values()]
    assert keys[0] == keys[1]


def test_a_cash_account_has_no_leverage_and_no_shorts(file: Path) -> None:
    account = read(file, SMALL + '[account]\nregime = "none"\n').account
    assert (account.multiplier, account.shorting) == (1, False)
    account = read(file, SMALL + "[account]\nmultiplier = 1\n").account
    assert (account.multiplier, account.shorting) == (1, False)


def test_the_margin_rules_changed_on_a_day(file: Path) -> None:
    auto = read(file, SMALL).account
    assert auto.regime_on(date(2026, 6, 3)) == "legacy_pdt"
    assert auto.regime_on(date(2026, 6, 4)) == "intraday_margin"
    fixed = read(file, SMALL + '[account]\nregime = "legacy_pdt"\n').account
    assert fixed.regime_on(date(2026, 6, 4)) == "legacy_pdt"


def test_free_parameters_reach_the_strategy_as_plain_numbers(file: Path) -> None:
    strategy = read(file, SMALL + "lookback = 60\nthreshold = 0.1\nweights = [1, 0.5]\nmap = {a = 0.5}\n").strategies
    assert strategy["one"].parameters == {
        "lookback": 60,
        "threshold": 0.1,
        "weights": [1, 0.5],
        "map": {"a": 0.5},
    }
    assert isinstance(strategy["one"].parameters["threshold"], float)
    assert isinstance(strategy["one"].parameters["lookback"], int)


FULL = (
    HEAD
    + 'title = "Full"\nseed = 7\n'
    + '[data]\nbars = "bars"\nfeed = "sip"\nsymbols = ["AAA", "BRK.B"]\n'
    + "start = 2026-03-02\nend = 2026-03-27\n"
    + '[account]\ncash = 250_000.50\n[risk]\nweekly_loss = 0.10\nstale_after = "PT90S"\nmax_order_qty = 500\n'
    + '[venue]\nprofile = "live_conservative"\nparticipation = 0.0\n'
    + '[strategies.one]\nuse = "a.b:C"\nsymbols = ["AAA"]\nthreshold = 2.0\nnames = ["x"]\n'
    + '[[halts]]\nsymbol = "AAA"\nat = 2026-03-04T10:15:00-05:00\nfor = "12m"\nkind = "luld"\n'
    + '[[expect]]\nmetric = "max_drawdown"\nat_most = 0.15\n'
    + '[[expect]]\nmust = "order_filled"\nwithin = "5d"\n'
    + '[[expect]]\nnever = "entry_submitted"\nwhile = "breaker.submit  !=  closed"\n'
)


@pytest.mark.parametrize("text", [SMALL, FULL])
def test_settings_survive_being_written(file: Path, text: str) -> None:
    loaded = read(file, text)
    written = to_toml(loaded)
    again = read(file, written)
    assert again == loaded
    assert to_toml(again) == written
    assert config_hash(again) == config_hash(loaded)


def test_what_is_written_is_the_whole_configuration(file: Path) -> None:
    """Every key that has a value is printed, and only the profile in force."""
    document = tomllib.loads(to_toml(read(file, FULL)))
    for section, models in SECTIONS.items():
        if section in ("data", "account", "risk", "sizing", "venue", "breaker"):
            assert set(models[0].model_fields) - {"max_order_notional", "calibration"} == set(document[section]), (
                section
            )
    assert "faults" not in document
    assert document["venue"]["half_spread_bps"] == 2.0
    assert document["risk"]["stale_after"] == "90s"
    assert document["account"]["cash"] == 250_000.5
    assert document["expect"][2]["while"] == "breaker.submit != closed"
    assert "alpaca_paper" not in to_toml(read(file, FULL))


def test_equal_configurations_have_equal_hashes_wherever_they_lie(file: Path, tmp_path: Path) -> None:
    first = read(file, FULL)
    (tmp_path / "elsewhere").mkdir()
    second = read(tmp_path / "elsewhere" / "other.toml", FULL.replace("0.10", "0.1").replace("PT90S", "90s"))
    assert config_hash(first) == config_hash(second)
    assert config_hash(first) != config_hash(read(file, FULL, {"seed": 8}))


def test_overrides_are_checked_like_the_file(file: Path) -> None:
    loaded = read(file, SMALL, {"seed": 7, "venue.slippage_bps": 2.5, "strategies.one.lookback": 9})
    assert (loaded.seed, loaded.venue.slippage_bps) == (7, Decimal("2.5"))
    assert loaded.strategies["one"].parameters == {"lookback": 9}
    with pytest.raises(InputError, match=r"small\.toml: risk\.trade_risk: 2\.0 is not at most 1"):
        read(file, SMALL, {"risk.trade_risk": 2.0})
    with pytest.raises(InputError, match=r"seed\.x: seed is not a table"):
        read(file, HEAD + "seed = 1\n" + DATA + STRATEGY, {"seed.x": 1})


def test_settings_do_not_change(file: Path) -> None:
    loaded = read(file, SMALL)
    with pytest.raises(ValidationError):
        loaded.seed = 2
    with pytest.raises(ValidationError):
        loaded.risk.trade_risk = Decimal(1)


def test_bars_lie_beside_the_file_or_among_the_bundled(file: Path) -> None:
    loaded = read(file, SMALL)
    with pytest.raises(InputError, match=r"small: data\.bars: there is no .*bars or .*bars\. Give a folder"):
        loaded.bars_path()
    (file.parent / "bars").mkdir()
    assert loaded.bars_path() == file.parent / "bars"
    assert read(file, SMALL.replace('"bars"', '"__init__.py"')).bars_path() == ROOT / "scenarios" / "__init__.py"


def test_the_feed_of_the_data_is_checked_and_kept(file: Path) -> None:
    (file.parent / "bars").mkdir()
    found = read(file, SMALL).with_feed("iex")
    assert found.data.feed == "iex"
    assert found.bars_path() == file.parent / "bars"
    assert read(file, FULL).with_feed("sip").data.feed == "sip"
    with pytest.raises(InputError, match=r"small: data\.feed: demands the feed sip, but the data is iex"):
        read(file, FULL).with_feed("iex")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml: cannot be read \(No such file"):
        load_settings(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="cannot be read"):
        load_settings(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(InputError, match=r"latin\.toml: byte 9 is not UTF-8\. Save the file as UTF-8\."):
        load_settings(tmp_path / "latin.toml")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"^breakout-4: there is no bundled .* Did you mean breakout-4w\?"):
        load_settings("breakout-4")
    with pytest.raises(InputError, match=r"`seatrial scenarios` lists them\. A file is named by its path\."):
        load_settings("zzz")


def test_the_vocabulary_of_expectations_is_the_engines() -> None:
    def names(enumeration: Any) -> tuple[str, ...]:
        return tuple(member.name.lower() for member in enumeration)

    assert names(kinds.Mode) == expect.MODES
    assert names(kinds.Lane) == expect.LANES
    assert names(kinds.Breaker) == expect.BREAKER_STATES
    assert {*expect.RISK_EVENTS, "order_rejected"} == set(names(kinds.NoteKind))


def test_every_bundled_scenario_loads_by_its_name() -> None:
    found = bundled()
    places = [(s.group != "strategies", s.group, s.name) for s in found]
    assert places == sorted(places)
    plain = [s.name for s in found if s.group == "strategies"]
    assert plain == ["breakout-4w", "long-short-4w", "mean-reversion-4w", "momentum-4w", "three-strategies-4w"]
    assert {s.group for s in found} == {"strategies", "broker", "data", "market", "operations", "risk"}
    assert len({s.name for s in found}) == len(found), "a name alone must say which"
    for scenario in found:
        loaded = load_settings(scenario.name)
        assert loaded.name == scenario.name == scenario.path.stem
        assert loaded.proves == scenario.proves
        assert loaded.expect, "a bundled scenario expects something"
        assert loaded.bars_path().exists()


def test_reading_settings_loads_no_heavy_library() -> None:
    code = "import sys, core.config; print(*sorted({'pandas', 'numpy', 'pyarrow', 'numba'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
