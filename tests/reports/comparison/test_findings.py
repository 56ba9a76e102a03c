"""What two runs' folders say about each other: matching before prices, prices that add up, and honest gaps."""

from __future__ import annotations

import copy
import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup
from scipy import stats

from core.comparison import FACTORS, Replayed
from reports.compare import comparison_html
from reports.comparison.costs import STAGES, costs_of, latencies, order_gaps
from reports.comparison.delays import delay_figures
from reports.comparison.findings import Sources, find
from reports.comparison.matching import counts, match_runs
from reports.comparison.orders import orders
from reports.comparison.prices import Prices
from reports.comparison.revisions import revision_figure, revisions_of
from sim.worlds import world_of
from tests.reports.comparison.conftest import CUT


def approved(run):
    table = run.table("decisions").to_pandas()
    return table[(table["action"] == "open") & (table["verdict"] == "approved")]


def test_equal_runs_match_by_identity_and_end_alike(compared_runs):
    found = counts(match_runs(compared_runs["base"], compared_runs["base"]))
    n = len(approved(compared_runs["base"]))
    assert found == {
        "matched": n,
        "same_outcome": n,
        "different_outcome": 0,
        "run_only": 0,
        "simulation_only": 0,
        "matched_by_place": 0,
    }


def test_another_model_is_matched_by_place_and_every_trade_is_counted_once(compared_runs):
    run, simulation = compared_runs["changed"], compared_runs["base"]
    matching = match_runs(run, simulation)
    found = counts(matching)
    assert found["matched"] == found["matched_by_place"] > 10
    assert found["matched"] + found["run_only"] == len(approved(run))
    assert found["matched"] + found["simulation_only"] == len(approved(simulation))
    places = {tuple(row) for row in approved(simulation)[["strategy", "symbol", "bar_time"]].itertuples(index=False)}
    for intent, why in matching.run_only:
        mine = (intent.place.strategy, intent.place.symbol, pd.Timestamp(intent.place.bar_time, tz="UTC"))
        assert mine not in places
        assert why == "no such signal" or why.startswith("refused: ")


def test_legs_are_the_orders_and_fills_of_the_tables(compared_runs):
    run = compared_runs["paper"]
    fills = run.table("fills").to_pandas()
    fills[["qty", "price", "fee"]] = fills[["qty", "price", "fee"]].astype(float)
    orders = run.table("orders").to_pandas().set_index("client_order_id")
    intents = [match.run for match in match_runs(run, run).matched]
    checked = 0
    for intent in intents:
        for role, leg in intent.legs.items():
            mine = fills[fills["client_order_id"].str.startswith(f"st-{intent.identity}")]
            mine = mine[orders.loc[mine["client_order_id"], "role"].to_numpy() == role]
            assert leg.filled == pytest.approx(mine["qty"].sum())
            if leg.filled:
                checked += 1
                assert leg.price == pytest.approx(np.average(mine["price"], weights=mine["qty"]))
                assert leg.time == mine["time"].min().value
    assert checked > 40


def test_gaps_add_up_and_a_wider_spread_is_a_spread(findings):
    found = findings("paper", "base")
    gap = found.gaps.gap
    assert len(found.gaps) > 40
    assert gap.timing + gap.spread + gap.residual == pytest.approx(gap.total)
    assert gap.spread == pytest.approx(3.0, abs=0.02)
    at_once = np.array([found.gaps.legs(row)[0].kind == "market" for row in range(len(found.gaps))])
    assert gap.total[at_once] == pytest.approx(3.0, abs=0.02)
    assert gap.timing[at_once] == pytest.approx(0.0, abs=0.01)
    targets = np.array([role == "target" for role in found.gaps.role])
    assert gap.total[targets] == pytest.approx(0.0, abs=0.05), "a limit is paid at its price, later, at a better mid"
    assert gap.timing[targets] == pytest.approx(-3.0, abs=0.05)


def test_shortfall_is_that_of_the_fills(compared_runs, findings):
    """Without latency to speak of and without unfilled shares, trading cost is the spread."""
    run = compared_runs["paper"]
    found = findings("paper", "base").costs[0]
    fills, orders = run.table("fills").to_pandas(), run.table("orders").to_pandas()
    entries = orders[orders["role"] == "entry"]["client_order_id"]
    mine = fills[fills["client_order_id"].isin(entries)]
    qty, price, mid = (mine[name].astype(float) for name in ("qty", "price", "mid_arrival"))
    side = mine["side"].map({"buy": 1, "sell": -1})
    assert found.shortfall.trading.sum() == pytest.approx((side * qty * (price - mid)).sum())
    assert found.entries == len(entries)
    assert found.effective == pytest.approx(8.0, abs=0.1)


def test_markouts_are_measured_where_bars_allow(findings):
    markouts = findings("paper", "base").costs[0].markouts
    for what in ("all fills", "limit fills"):
        assert np.isnan(markouts[what]["1 s"])
        assert np.isnan(markouts[what]["10 s"])
        assert np.isfinite(markouts[what]["1 min"])
        assert np.isfinite(markouts[what]["close"])


def test_markouts_look_ahead_by_their_horizon_only(findings):
    prices = findings("paper", "base").prices
    gaps = findings("paper", "base").gaps
    leg, symbol = gaps.legs(0)[0], gaps.match[0].run.place.symbol
    later = leg.time + 300_000_000_000
    strip = prices.strip(symbol, 0, later - prices.bar_ns + 1)
    assert prices.at(symbol, later) == strip.close[-1]
    assert strip.time[-1] + prices.bar_ns <= later


def test_the_same_data_have_no_revisions_and_other_closes_do(findings):
    found = findings("paper", "base")
    assert found.revisions is None
    prices = found.prices
    same = revisions_of(prices, prices, [match.run for match in found.matching.matched])
    assert (len(same.changed), same.decisions) == (0, [])
    assert same.bars > 10_000
    assert np.isnan(same.changed.median_bp)
    assert revision_figure(same.changed, "revisions", ("", "")) is None


def test_a_week_without_trades_compares_what_is_left(findings):
    found = findings("idle", "base")
    assert counts(found.matching)["simulation_only"] > 10
    assert any("The run has no fills" in words for words in found.limits)
    assert found.verdict.n == 0
    assert np.isnan(found.verdict.mean)
    assert found.replayed.attribution is not None
    assert found.replayed.attribution.recorded[1] == 0
    assert all(np.isnan(item.ks) for item in found.distributions)


def test_neither_run_trades(findings):
    found = findings("idle", "idle")
    assert counts(found.matching)["matched"] == 0
    assert found.distributions == []
    assert np.isnan(found.curves.correlation)


def test_sessions_of_one_run_alone_are_left_out(findings, compared_runs):
    for pair, alone in ((("short", "base"), "simulation"), (("base", "short"), "run")):
        found = findings(*pair)
        assert any(words.startswith("Only 3 sessions are in both runs") for words in found.limits)
        assert counts(found.matching)["matched"] == len(approved(compared_runs["short"]))
        assert counts(found.matching)[f"{alone}_only"] == 0, "a trade of a later day says nothing"
        assert found.replayed.attribution.unexplained == (0, 0)
        assert found.costs[0].entries == found.costs[1].entries
        assert [item.n[0] for item in found.distributions] == [item.n[1] for item in found.distributions]


def test_a_run_that_ended_within_a_session_is_compared_up_to_then(findings, compared_runs):
    found = findings("cut", "base")
    assert any("The run ends within a session, 12 Nov 2025 13:00:00 EST" in words for words in found.limits)
    theirs = approved(compared_runs["base"])
    assert counts(found.matching)["matched"] == (theirs["time"] <= CUT).sum() > 5
    assert counts(found.matching)["simulation_only"] == 0
    assert found.curves.days.tolist() == findings("paper", "base").curves.days.tolist()[:3]
    equity = compared_runs["paper"].table("equity").to_pandas()
    close = equity[equity["time"] <= "2025-11-11 21:00"]["equity"].astype(float).iloc[-1]
    assert found.replayed.attribution.recorded[1] == round((close - 100_000) * 1e6), "causes stop at the close before"
    assert found.replayed.attribution.unexplained == (0, 0)


def test_runs_of_different_weeks_keep_what_is_their_own(findings, compared_runs):
    found = findings("base", "after")
    told = " ".join(found.limits)
    assert "No session is in both runs: the run has Mon 10 Nov 2025 to Fri 14 Nov 2025" in told
    assert "The configurations differ in data.end, data.start, venue.submit_latency" in told
    matching = counts(found.matching)
    assert matching["matched"] == 0
    assert (matching["run_only"], matching["simulation_only"]) == tuple(
        len(approved(compared_runs[name])) for name in ("base", "after")
    )
    assert {why for _, why in found.matching.run_only} == {"it has no such session"}
    assert found.replayed.attribution is None
    assert all(parity.ok for parity in found.replayed.parity)
    assert np.isnan([found.verdict.mean, found.curves.correlation, found.curves.tracking_error]).all()
    assert all(np.isfinite(cost.effective) for cost in found.costs)
    delays = {figure.title: figure.table.rows for figure in delay_figures(found)}["Sent to acknowledged"]
    assert delays[0][6] > delays[1][6] + 0.5, "what each run took is still compared"


def test_runs_of_different_symbols_say_which_and_compare_the_rest(findings, compared_runs):
    found = findings("base", "few")
    told = next(words for words in found.limits if "different symbols" in words)
    assert "DLTA, ECKO, FXTR, GOLV, HTEL, INDG and 1 more only in the run" in told
    assert "only in the simulation" not in told
    assert counts(found.matching)["matched"] == len(approved(compared_runs["few"])) > 5
    assert {intent.place.symbol for intent, _ in found.matching.run_only}.isdisjoint({"ALFA", "BRVO", "CHRL"})
    attribution = found.replayed.attribution
    assert attribution.unexplained == (0, 0)
    assert attribution.total[FACTORS.index("data")] == attribution.recorded[1] - attribution.recorded[0] != 0


def test_runs_without_a_symbol_in_common_match_nothing(findings, compared_runs):
    found = findings("few", "others")
    told = next(words for words in found.limits if "different symbols" in words)
    assert "ALFA, BRVO, CHRL only in the run; DLTA, ECKO, FXTR only in the simulation" in told
    assert counts(found.matching)["matched"] == 0
    assert found.verdict.n == 0
    assert np.isnan(found.verdict.mean)
    attribution = found.replayed.attribution
    assert attribution.total.sum() == attribution.recorded[1] - attribution.recorded[0]


def test_runs_that_begin_apart_are_not_attributed_and_the_rest_is_compared(findings):
    found = findings("late", "base")
    assert found.replayed.attribution is None
    assert "begin on different days" in found.replayed.reason
    assert len(found.curves.days) == 3
    assert all(parity.ok for parity in found.replayed.parity)


def test_costs_of_nothing_are_not_measured():
    found = costs_of([], None)
    assert np.isnan(found.effective)
    assert len(order_gaps([])) == 0


def test_prices_of_an_unknown_symbol_are_not_known(findings):
    prices: Prices = findings("paper", "base").prices
    assert np.isnan(prices.at("NONE", 2**62))
    assert np.isnan(prices.at("ALFA", 0))
    assert prices.strip("NONE", 0, 2**62) is None


def altered(prices: Prices, close) -> Prices:
    """The same prices with other closes."""
    other = copy.copy(prices)
    other._close = close
    return other


def test_revised_closes_are_found_with_their_size_and_their_decisions(findings):
    found = findings("paper", "base")
    prices, intents = found.prices, found.intents[0]
    place = intents[3].place
    symbols, times = prices.common_with(prices)
    row, column = int(np.searchsorted(times, place.bar_time)), symbols.index(place.symbol)
    close = prices._close.copy()
    close[row, column] *= 1.01
    close[row + 1, column] = np.nan
    revisions = revisions_of(altered(prices, close), prices, intents)
    bars = revisions.changed
    assert (len(bars), bars.symbol, bars.time.tolist()) == (1, [place.symbol], [place.bar_time])
    assert (revisions.only_run, revisions.only_simulation) == (0, 1)
    assert bars.apart_bp == pytest.approx([(1 / 1.01 - 1) * 1e4])
    assert bars.before.tolist() == [prices._close[row - 1, column]]
    assert bars.decided.tolist() == [True]
    assert [intent for intent, _, _ in revisions.decisions] == [i for i in intents if i.place == place]
    figure = revision_figure(bars, "revisions", ("final", "received"))
    received, final = (values[0] / bars.before[0] * 1e4 - 1e4 for values in (bars.received, bars.final))
    assert figure.table.rows[0][4:] == (pytest.approx(received), pytest.approx(final), "yes")


def test_quantiles_of_the_gaps_are_those_of_a_probability_plot(findings):
    found = findings("changed", "base")
    drawn = orders(found, lambda place: Markup("")).quantiles.table.rows
    gaps = np.sort(found.gaps.gap.total)
    share, normal, observed = np.array(drawn).T
    assert observed == pytest.approx(gaps), "few enough to be drawn all"
    assert share == pytest.approx((np.arange(len(gaps)) + 0.5) / len(gaps))
    low, middle, high = np.quantile(gaps, (0.25, 0.5, 0.75))
    assert normal == pytest.approx(middle + (high - low) / np.ptp(stats.norm.ppf([0.25, 0.75])) * stats.norm.ppf(share))
    assert orders(findings("base", "base"), lambda place: Markup("")).quantiles is None
    assert orders(findings("idle", "base"), lambda place: Markup("")).quantiles is None


def test_delays_of_both_runs_are_drawn_where_they_take_time(findings):
    found = findings("changed", "base")
    drawn = {figure.title: figure.table.rows for figure in delay_figures(found)}
    assert list(drawn) == ["Sent to acknowledged", "Filled to known"] or "Acknowledged to filled" in drawn
    simulation, run = drawn["Sent to acknowledged"]
    mine = [leg.accepted - leg.submitted for leg in (i.legs["entry"] for i in found.intents[0] if "entry" in i.legs)]
    assert run[1] == len(mine)
    assert run[6] == pytest.approx(np.median(mine) / 1e9)
    assert run[6] > simulation[6] + 2
    assert delay_figures(findings("idle", "base")) == []


def test_delays_are_those_of_the_tables(compared_runs, findings):
    run = compared_runs["changed"]
    orders, fills = run.table("orders").to_pandas(), run.table("fills").to_pandas()
    decisions = run.table("decisions").to_pandas().set_index("intent_id")
    first = fills.groupby("client_order_id")[["time", "t_received"]].first()
    mine = orders[orders["role"] == "entry"].join(first, on="client_order_id")
    mine = mine.join(decisions[["bar_time", "time"]].rename(columns={"time": "decided"}), on="intent_id")
    due = mine["bar_time"] + pd.Timedelta("60s")
    moments = [due, mine["decided"], mine["submitted_at"], mine["accepted_at"], mine["time"], mine["t_received"]]
    expected = [(b - a).dt.total_seconds().dropna() for a, b in itertools.pairwise(moments)]
    found = latencies(findings("changed", "base").intents[0])
    assert list(found) == list(STAGES)
    for (seconds, days), wanted in zip(found.values(), expected, strict=True):
        assert np.sort(seconds) == pytest.approx(np.sort(wanted))
        assert len(days) == len(seconds) > 20


def test_bars_of_another_length_are_no_revisions(compared_runs, monkeypatch):
    """A bar of five minutes does not correct one of a minute."""
    run = compared_runs["base"]
    data = world_of(run).dataset
    longer = copy.copy(data)
    elsewhere = [run.run["data"][0] | {"manifest_sha256": "00"}]
    other = dataclasses.replace(run, run=run.run | {"data": elsewhere})
    nothing = Replayed((), None, "the two runs have bars of different length", ())
    assert find(Sources(run, other, data, longer, 3.0), nothing).revisions is not None

    def prices_of(dataset):
        prices = Prices(dataset)
        prices.bar_ns *= 5 if dataset is longer else 1
        return prices

    monkeypatch.setattr("reports.comparison.findings.Prices", prices_of)
    found = find(Sources(run, other, data, longer, 3.0), nothing)
    assert found.revisions is None
    assert "Not measured: the bars of the two runs are of different length." in comparison_html(found)
