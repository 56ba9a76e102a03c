"""The kinds of fault by name. docs/faults.md prints this table, and a test keeps the two equal."""

from __future__ import annotations

from core.settings import fault_kinds as kinds
from core.settings.fault_kinds import Kind

STALE = ("stale_data", "mode_change")
ORDERS = ("symbols",)
REQUESTS = ("symbols", "lanes")

_DATA = {
    "gap": Kind(1, "data", "Bars do not arrive.", shown_by=STALE, example='scope = { symbols = ["ALFA"] }'),
    "freeze": Kind(2, "data", "The last bar is repeated, with its old time.", shown_by=STALE),
    "late_bars": Kind(3, "data", "Bars arrive late.", parameters=kinds.Delayed, shown_by=STALE),
    "duplicate_bars": Kind(4, "data", "Every bar arrives twice.", parameters=kinds.Repeated),
    "reordered_bars": Kind(5, "data", "A bar arrives after the one that follows it."),
    "bar_revision": Kind(
        6, "data", "A bar is wrong at first and corrected later.", parameters=kinds.Revision, shown_by=("bar_revision",)
    ),
    "bad_print": Kind(
        7,
        "data",
        "A bar closes far from the market; the next one is right again.",
        lasts="either",
        parameters=kinds.Jump,
        shown_by=("suspect_mark",),
        example="parameters = { size = 0.4 }",
    ),
    "bad_quotes": Kind(8, "data", "Quotes are crossed, or empty.", parameters=kinds.Quotes),
    "zero_volume": Kind(9, "data", "Bars come with prices but without volume.", shown_by=STALE),
    "nan_edge": Kind(10, "data", "One number of every bar is not a number.", parameters=kinds.Edge, shown_by=STALE),
    "feed_switch": Kind(
        11,
        "data",
        "The feed falls back to a single exchange: a part of the volume, and minutes without trades.",
        parameters=kinds.Thinner,
        shown_by=STALE,
    ),
    "feed_down": Kind(
        12, "data", "The feed's connection is lost, and we know it.", scope=(), shown_by=("mode_change",)
    ),
    "clock_skew": Kind(13, "data", "The feed's clock is behind.", parameters=kinds.Skew, shown_by=STALE),
    "missing_symbol": Kind(
        14,
        "data",
        "A symbol is missing for whole sessions.",
        scope=("symbols!",),
        example='scope = { symbols = ["ALFA"] }',
    ),
    "wrong_adjustment": Kind(
        15,
        "data",
        "Prices are adjusted for a split that has not happened.",
        parameters=kinds.Ratio,
        shown_by=("suspect_mark", "limit_breach"),
    ),
}

_BROKER = {
    "outage": Kind(
        20,
        "broker",
        "Requests fail before the broker acts on them; the stream is lost, and we know it.",
        scope=REQUESTS,
        parameters=kinds.Outage,
        shown_by=("breaker_change", "mode_change"),
        example='scope = { lanes = ["submit", "query"] }',
    ),
    "stream_mute": Kind(
        21,
        "broker",
        "The stream stays open and says nothing.",
        scope=(),
        shown_by=("breaker_change", "reconciliation"),
    ),
    "accepted_no_answer": Kind(
        22, "broker", "An order is accepted, and the answer is an error of the server.", shown_by=("breaker_change",)
    ),
    "answer_lost": Kind(
        23,
        "broker",
        "An order is answered, and the answer never arrives.",
        parameters=kinds.Outage,
        shown_by=("breaker_change",),
    ),
    "slow": Kind(
        24,
        "broker",
        "Requests take longer.",
        scope=REQUESTS,
        parameters=kinds.Slow,
        shown_by=("breaker_change",),
        example='scope = { lanes = ["submit"] }',
    ),
    "rate_limit": Kind(
        25,
        "broker",
        "Requests are refused with 429 and sent again when the broker says so.",
        scope=REQUESTS,
        parameters=kinds.Limited,
        shown_by=("breaker_change",),
    ),
    "reject_storm": Kind(26, "broker", "Every order is refused.", shown_by=("order_rejected", "reject_storm")),
    "partials": Kind(27, "broker", "Orders fill in random parts, with this probability each time."),
    "late_fill": Kind(
        28,
        "broker",
        "An order executes although its cancel was confirmed.",
        parameters=kinds.Late,
        shown_by=("late_fill",),
    ),
    "overfill": Kind(
        29, "broker", "More is executed than was ordered.", parameters=kinds.Excess, shown_by=("overfill",)
    ),
    "duplicate_executions": Kind(
        30, "broker", "Executions are told twice.", parameters=kinds.Repeated, shown_by=("duplicate_fill",)
    ),
    "reordered_executions": Kind(31, "broker", "Executions overtake each other.", parameters=kinds.Delayed),
    "dropped_executions": Kind(
        32, "broker", "Executions are not told.", shown_by=("reconciliation", "mode_change", "duplicate_fill")
    ),
    "cancel_race": Kind(33, "broker", "An order fills while its cancel is under way."),
    "stuck_order": Kind(34, "broker", "Orders are accepted and do not begin to work.", shown_by=("unprotected",)),
    "leg_lost": Kind(
        35, "broker", "A bracket loses a leg at the broker.", parameters=kinds.Leg, shown_by=("unprotected",)
    ),
    "buying_power_drift": Kind(
        36,
        "broker",
        "The broker grants less buying power than we count.",
        scope=(),
        parameters=kinds.Power,
        shown_by=("buying_power_drift",),
    ),
    "untradable": Kind(
        37,
        "broker",
        "An asset cannot be traded.",
        scope=("symbols!",),
        shown_by=("order_rejected",),
        example='scope = { symbols = ["ALFA"] }',
    ),
    "unauthorised": Kind(
        38,
        "broker",
        "The keys are revoked: every request is refused and the stream is lost.",
        scope=(),
        shown_by=("breaker_change", "mode_change"),
    ),
    "account_reset": Kind(
        39,
        "broker",
        "The paper account is reset: no orders, no positions, the cash of the beginning.",
        lasts="instant",
        scope=(),
        shown_by=("reconciliation",),
    ),
    "duplicate_submit": Kind(40, "broker", "Every order is sent twice, as by a second instance of us."),
}

_MARKET = {
    "price_gap": Kind(
        60,
        "market",
        "Prices jump, for good or for a while.",
        lasts="either",
        parameters=kinds.Gap,
        example="parameters = { size = -0.08 }",
    ),
    "flash_crash": Kind(
        61, "market", "Prices fall and come back.", parameters=kinds.Gap, shown_by=("suspect_mark", "limit_breach")
    ),
    "luld_chain": Kind(
        62,
        "market",
        "A chain of volatility pauses, each with a move.",
        lasts="instant",
        scope=("symbols!",),
        parameters=kinds.Pauses,
        shown_by=("halt",),
        example='scope = { symbols = ["ALFA"] }',
    ),
    "market_halt": Kind(
        63, "market", "The whole market is halted after a fall.", scope=(), parameters=kinds.Gap, shown_by=("halt",)
    ),
    "wide_spread": Kind(64, "market", "The spread is wide.", parameters=kinds.Spread),
    "volatility": Kind(65, "market", "Every minute moves further.", parameters=kinds.Volatility),
    "auction_imbalance": Kind(
        66, "market", "An auction prints far from the market.", lasts="instant", parameters=kinds.Auction
    ),
    "split": Kind(
        67,
        "market",
        "A stock is split before the session.",
        lasts="instant",
        scope=("symbols!",),
        parameters=kinds.Split,
        shown_by=("corporate_action",),
        example='scope = { symbols = ["ALFA"] }',
    ),
    "early_close": Kind(68, "market", "The session closes at this time.", lasts="instant", scope=()),
}

_OPERATOR = {
    "restart": Kind(
        80,
        "operator",
        "Our process dies and comes back: it has heard nothing meanwhile, and remembers everything before.",
        scope=(),
        parameters=kinds.Restart,
        shown_by=("mode_change",),
    ),
    "clock_jump": Kind(
        81, "operator", "Our clock jumps.", lasts="instant", scope=(), parameters=kinds.ClockJump, shown_by=("alert",)
    ),
    "kill_switch": Kind(
        82,
        "operator",
        "A person stops all openings; after the length, if there is one, trading is resumed.",
        lasts="either",
        scope=(),
        parameters=kinds.KillSwitch,
        shown_by=("operator",),
    ),
    "operator_act": Kind(
        83,
        "operator",
        "A person acts.",
        lasts="instant",
        parameters=kinds.Act,
        shown_by=("operator",),
        example='parameters = { act = "reset_breaker", lane = "submit" }',
    ),
}

KINDS: dict[str, Kind] = {**_DATA, **_BROKER, **_MARKET, **_OPERATOR}
CODES: dict[str, int] = {name: kind.number for name, kind in KINDS.items()}
