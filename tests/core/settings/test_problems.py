"""What a bad scenario file is told: where, what, and what to write instead."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from core.config import Settings, load_settings
from core.errors import InputError
from core.settings.problems import SECTIONS, input_error

HEAD = 'schema = 1\nname = "small"\nproves = "The smallest scenario loads."\n'
DATA = '[data]\nbars = "bars"\n'
STRATEGY = '[strategies.one]\nuse = "package.module:Class"\n'
SMALL = HEAD + DATA + STRATEGY


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "small.toml"


# Bad files: (what is added to or replaces the small scenario, place, words of the problem or the remedy)

HALT = '[[halts]]\nsymbol = "AAA"\nat = 2026-03-04T10:15:00-05:00\nfor = "12m"\n'
DATED = 'symbols = ["AAA"]\nstart = 2026-03-02\nend = 2026-03-27\n'

BAD = [
    (
        "[risk]\ntrade_risk = 0",
        "risk.trade_risk",
        "0 is not above 0",
        "Write a number above 0: most that one trade",
    ),
    ("[risk]\ntrade_risk = -0.5", "risk.trade_risk", "-0.5 is not above 0", "share of equity."),
    ('[risk]\ntrade_risk = "1 %"', "risk.trade_risk", '"1 %" does not fit', "Write a number, without quotes"),
    ("[risk]\ntrade_risk = true", "risk.trade_risk", "true does not fit", "Write a number"),
    ("[risk]\ntrade_risk = nan", "risk.trade_risk", "NaN does not fit", "Write a finite number"),
    ("[risk]\ntrade_risk = 0.06", "risk.trade_risk", "above risk.daily_loss, 0.05", "Lower risk.trade_risk"),
    ("[risk]\nsymbol_cap = 1.5", "risk.symbol_cap", "above risk.gross_cap, 1.0", "raise risk.gross_cap"),
    ("[risk]\nnet_cap = 1.5", "risk.net_cap", "above risk.gross_cap, 1.0", "raise risk.gross_cap"),
    ("[risk]\ndaily_loss = 0.2", "risk.daily_loss", "above risk.max_drawdown, 0.15", "so it can never act"),
    ("[risk]\nweekly_loss = 0.2", "risk.weekly_loss", "above risk.max_drawdown", "Lower risk.weekly_loss"),
    (
        "[risk]\nweekly_loss = 0.04",
        "risk.daily_loss",
        "above risk.weekly_loss, 0.04",
        "Lower risk.daily_loss",
    ),
    ("[risk]\norders_per_minute = 3000", "risk.orders_per_minute", "above risk.orders_per_day", "Lower"),
    ("[risk]\norders_per_day = 1.5", "risk.orders_per_day", "1.5 does not fit", "Write a whole number"),
    (
        "[risk]\ngross_cap = 3",
        "risk.gross_cap",
        "more than account.multiplier, 2",
        "raise account.multiplier",
    ),
    ("[risk]\nsoft = 1.1", "risk.soft", "1.1 is not at most 1", "Write a number at most 1: share of a limit"),
    ("[risk]\ntrade_rsk = 0.01", "risk.trade_rsk", "there is no such key", "Did you mean trade_risk?"),
    (
        "[risk]\nkelly_fraction = 0.2",
        "risk.kelly_fraction",
        "there is no such key",
        "It belongs to [sizing].",
    ),
    ("[risk]\nstale_after = 90", "risk.stale_after", "90 is no duration", 'such as "250ms"'),
    ('[risk]\nstale_after = "soon"', "risk.stale_after", '"soon" is no duration', 'such as "250ms"'),
    (
        '[risk]\nprotect_within = "0s"',
        "risk.protect_within",
        '"0s" is not above 0',
        "Write a duration above 0",
    ),
    ("[risk]\nmax_order_qty = 0.5", "risk.max_order_qty", "less than one lot, 1", "lower sizing.lot"),
    ('[risk]\nhwm = "close"', "risk.hwm", '"close" is not a choice', "session_close"),
    ("risk = 3", "risk", "3 does not fit", "Write a table of keys: [risk]."),
    ("[sizing]\nkelly_fraction = 1.5", "sizing.kelly_fraction", "1.5 is not at most 1", "share of Kelly"),
    ("[sizing]\nobservations = -1", "sizing.observations", "-1 is not at least 0", "shrinkage"),
    ("[sizing]\nportfolio_risk = 0.005", "risk.trade_risk", "above sizing.portfolio_risk", "raise sizing"),
    ("[sizing]\nmin_notional = 20_000", "sizing.min_notional", "above the largest order", "raise what caps"),
    (
        "[sizing]\nreference_collar_bps = 600",
        "sizing.reference_collar_bps",
        "beyond risk.price_collar",
        "Lower",
    ),
    ("[account]\ncash = 0", "account.cash", "0 is not above 0", "cash at the start, dollars"),
    ("[account]\ncash = 1e12", "account.cash", "is not at most 1000000000", "Write a number at most"),
    ("[account]\ncash = 0.1234567", "account.cash", "finer than a millionth", "at most six decimals"),
    ("[account]\nmultiplier = 3", "account.multiplier", "3 is not a choice", "Write 1, 2 or 4"),
    ('[account]\nregime = "pdt"', "account.regime", '"pdt" is not a choice', "legacy_pdt"),
    (
        '[account]\nregime = "none"\nmultiplier = 2',
        "account.multiplier",
        "2 is leverage",
        "Leave multiplier out",
    ),
    (
        "[account]\nmultiplier = 1\nshorting = true",
        "account.shorting",
        "cannot sell short",
        "shorting = false",
    ),
    ("[account]\nshorting = 1", "account.shorting", "1 does not fit", "Write true or false"),
    (
        '[venue]\nprofile = "alpaca"',
        "venue.profile",
        '"alpaca" is not a choice',
        'Did you mean "alpaca_paper"',
    ),
    ("[venue]\nprofile = [1]", "venue.profile", "a list is not a choice", "'alpaca_paper'"),
    ("[venue]\nparticipation = 1.1", "venue.participation", "1.1 is not at most 1", "bar's volume"),
    (
        '[venue]\nfeed_latency = "2m"',
        "risk.signal_max_age",
        "every signal is older",
        "above venue.feed_latency",
    ),
    (
        '[venue]\nfeed_latency = "4m"\n[risk]\nsignal_max_age = "1h"',
        "risk.stale_after",
        "all data is older",
        "above venue.feed_latency",
    ),
    ('[breaker]\nbase = "2m"', "breaker.base", "2m is above breaker.cap, 1m", "Let waits start"),
    ("[brekaer]\nfailures = 1", "brekaer", "there is no such key", "Did you mean breaker?"),
    ("[completely]\nother = 1", "completely", "there is no such key", "The keys here are schema, name"),
    (
        "[strategies.Two]\nuse = 'a:B'",
        "strategies.Two",
        "not spelled as it must be",
        "lower case, digits and underscores",
    ),
    ("[strategies.two]\nlookback = 3", "strategies.two.use", "is missing", "Add it: package.module:Class"),
    (
        "[strategies.two]\nuse = 'a.b.C'",
        "strategies.two.use",
        '"a.b.C" is not spelled',
        "package.module:Class",
    ),
    ("[strategies.two]\nuse = 'a:B'\nsymbols = []", "strategies.two.symbols", "does not fit", "at least one"),
    (
        "[strategies.two]\nuse = 'a:B'\nsymbols = ['A', 'A']",
        "strategies.two.symbols",
        "A is named twice",
        "once",
    ),
    (
        "[strategies.two]\nuse = 'a:B'\nsymbols = ['aapl']",
        "strategies.two.symbols",
        '"aapl" is not spelled',
        "capitals",
    ),
    (
        "[strategies.two]\nuse = 'a:B'\nsymbols = 'AAPL'",
        "strategies.two.symbols",
        "does not fit",
        "list in brackets",
    ),
    (HALT.replace("-05:00", ""), "[[halts]] no. 1: at", "has no time zone", "date, time and offset"),
    (HALT.replace("2026-03-04T10:15:00-05:00", "10:15:00"), "[[halts]] no. 1: at", "is no time", "offset"),
    (HALT.replace('"AAA"', '"aaa"'), "[[halts]] no. 1: symbol", '"aaa" is not spelled', '"*" for all'),
    (HALT + HALT.replace('for = "12m"', ""), "[[halts]] no. 2: for", "is missing", "Add it: length"),
    (
        HALT + "until = 3\n",
        "[[halts]] no. 1: until",
        "there is no such key",
        "The keys here are symbol, at, for",
    ),
    (
        '[[expect]]\nmetric = "drawdown"\nat_most = 1',
        "[[expect]] no. 1: metric",
        "not a choice",
        '"max_drawdown"',
    ),
    (
        '[[expect]]\nmetric = "fills"',
        "[[expect]] no. 1: metric",
        "has no bound",
        "Add at_most, at_least or equals",
    ),
    (
        '[[expect]]\nmetric = "fills"\nat_most = 1\nat_least = 2',
        "[[expect]] no. 1: at_most",
        "1 is below at_least, 2",
        "Let at_least be the smaller",
    ),
    (
        '[[expect]]\nmetric = "fills"\nat_most = 1\nequals = 1',
        "[[expect]] no. 1: equals",
        "another bound",
        "alone",
    ),
    (
        '[[expect]]\nmetric = "fills"\natmost = 1',
        "[[expect]] no. 1: atmost",
        "no such key",
        "Did you mean at_most?",
    ),
    (
        '[[expect]]\nmetric = "fills"\nnever = "fill"',
        "[[expect]] no. 1: never",
        "no such key",
        "make two entries",
    ),
    (
        '[[expect]]\nnever = "fills"',
        "[[expect]] no. 1: never",
        '"fills" is not a choice',
        'Did you mean "fill"',
    ),
    ('[[expect]]\nwithin = "5m"', "[[expect]] no. 1", "exactly one of metric, never and must", "Say what"),
    ('[[expect]]\nnever = "fill"\nmust = "fill"', "[[expect]] no. 1", "exactly one of", "Say what"),
    (
        '[[expect]]\nnever = "fill"\nwhile = "mode = halted"',
        "[[expect]] no. 1: while",
        "no condition",
        "breaker.submit",
    ),
    ('[[expect]]\nnever = "fill"\nwhile = 3', "[[expect]] no. 1: while", "no condition", "breaker.submit"),
    (
        '[[expect]]\nnever = "fill"\nwhile = "x == y"',
        "[[expect]] no. 1: while",
        '"x" has no states',
        "Name one of mode",
    ),
    (
        '[[expect]]\nnever = "fill"\nwhile = "mode == off"',
        "[[expect]] no. 1: while",
        'never "off"',
        "Name one of normal",
    ),
    (
        '[[faults]]\nkind = "feed_down"',
        "[[faults]] no. 1: kind",
        "says neither at nor every",
        "Add at, a date and time with offset, or every",
    ),
]

REPLACED = [
    (DATA + STRATEGY, "name", "is missing", "Add it: name of the scenario"),
    (HEAD.replace("1", "2") + DATA + STRATEGY, "schema", "2 is not a choice", "Write 1"),
    (
        HEAD.replace('"small"', '"Small one"') + DATA + STRATEGY,
        "name",
        "not spelled",
        "lower case, digits and hyphens",
    ),
    (HEAD + "seed = -1\n" + DATA + STRATEGY, "seed", "-1 is not at least 0", "seed of every random draw"),
    (HEAD + 'seed = "x"\n' + DATA + STRATEGY, "seed", '"x" does not fit', "Write a whole number"),
    (HEAD + 'proofs = "x"\n' + DATA + STRATEGY, "proofs", "there is no such key", "Did you mean proves?"),
    (HEAD + "trade_risk = 0.1\n" + DATA + STRATEGY, "trade_risk", "no such key", "It belongs to [risk]."),
    (HEAD + STRATEGY, "data", "is missing", "Add it: [data]."),
    (HEAD + DATA, "strategies", "is missing", "Add it: [strategies.NAME]."),
    (HEAD + DATA + "[strategies]\n", "strategies", "a table does not fit", "at least one entry"),
    (HEAD + "[data]\n" + STRATEGY, "data.bars", "is missing", "Add it: folder or file of bars"),
    (HEAD + "[data]\nbras = 'x'\n" + STRATEGY, "data.bras", "there is no such key", "Did you mean bars?"),
    (
        HEAD + DATA + "start = '2026-03-02'\n" + STRATEGY,
        "data.start",
        "does not fit",
        "a date without quotes",
    ),
    (HEAD + DATA + "start = 2026-03-02T10:00:00\n" + STRATEGY, "data.start", "does not fit", "a date"),
    (
        HEAD + DATA + "start = 2026-03-02\nend = 2026-03-01\n" + STRATEGY,
        "data.start",
        "is after data.end",
        "before",
    ),
    (
        HEAD + DATA + "warm_up_sessions = -1\n" + STRATEGY,
        "data.warm_up_sessions",
        "not at least 0",
        "sessions",
    ),
    (
        HEAD + DATA + DATED + STRATEGY + "symbols = ['BBB']\n",
        "strategies.one.symbols",
        "BBB is not among",
        "Add it",
    ),
    (
        HEAD + DATA + DATED + STRATEGY + HALT.replace("AAA", "B"),
        "[[halts]] no. 1: symbol",
        "not among",
        "remove it",
    ),
    (
        HEAD + DATA + DATED + STRATEGY + HALT.replace("03-04", "04-04"),
        "[[halts]] no. 1: at",
        "outside",
        "within the data",
    ),
]


def told(file: Path, text: str) -> InputError:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_settings(file)
    return error.value


@pytest.mark.parametrize(("added", "place", "problem", "remedy"), BAD)
def test_bad_additions(file: Path, added: str, place: str, problem: str, remedy: str) -> None:
    text = HEAD + added + "\n" + DATA + STRATEGY if added == "risk = 3" else SMALL + added + "\n"
    error = told(file, text)
    assert error.place == f"small.toml: {place}"
    assert problem in error.problem
    assert remedy in f"{error.problem} {error.remedy}"
    assert error.remedy[-1] in ".?"


@pytest.mark.parametrize(("text", "place", "problem", "remedy"), REPLACED)
def test_bad_files(file: Path, text: str, place: str, problem: str, remedy: str) -> None:
    error = told(file, text)
    assert error.place == f"small.toml: {place}"
    assert problem in error.problem
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("schema = 1\nname = \n", 2),
        ("schema = 1\n\nx == 1\n", 3),
        ('name = "unfinished', 1),
        ("a = 1\na = 2\n", 2),
        ("[data]\n[data]\n", 2),
    ],
)
def test_toml_that_is_none_is_placed_by_line(file: Path, text: str, line: int) -> None:
    error = told(file, text)
    assert error.place == f"small.toml:{line}"
    assert "(at" not in error.problem
    assert error.remedy == "Mend the TOML on this line or the one before."


LEAVES = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.text(max_size=5),
    st.dates(),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["metric", "never", "x"]), st.integers(), max_size=2),
)
KEYS = sorted({key for models in SECTIONS.values() for model in models for key in model.model_fields} | {"x"})
DOCUMENTS = st.dictionaries(
    st.sampled_from([*SECTIONS, "faults", "name", "x"]),
    st.one_of(
        LEAVES,
        st.dictionaries(st.sampled_from(KEYS), LEAVES, max_size=3),
        st.lists(st.dictionaries(st.sampled_from(KEYS), LEAVES, max_size=3), max_size=2),
    ),
    max_size=4,
)


@given(DOCUMENTS)
@settings(max_examples=300, deadline=None)
def test_nothing_in_a_file_escapes_as_another_error(document: dict[str, Any]) -> None:
    """Whatever a file holds, it loads or is told where and what: no stray exception, no empty sentence."""
    base: dict[str, Any] = tomllib.loads(SMALL)
    try:
        Settings.model_validate(base | document)
    except ValidationError as error:
        told = input_error("small.toml", error)
        assert told.place.startswith("small.toml")
        assert told.problem
        assert told.remedy[-1] in ".?"


def test_every_key_says_what_it_means() -> None:
    def undocumented(model: type[BaseModel]) -> list[str]:
        return [name for name, field in model.model_fields.items() if not field.description]

    models = {model for group in SECTIONS.values() for model in group}
    assert {model.__name__: undocumented(model) for model in models if undocumented(model)} == {}
