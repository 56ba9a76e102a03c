"""What must hold before a process may trade an account: that it may trade, that clocks agree, that a new run is flat.

Each check asks the broker, changes nothing, and says in one sentence what is in the way.
"""

from __future__ import annotations

from core.errors import InputError
from core.kernel.units import SECOND
from core.settings.account import Account as AccountSettings
from live.alpaca.messages import Account
from live.alpaca.outcomes import demanded
from live.alpaca.rest import Rest
from live.clock import Clock

SKEW = 5 * SECOND  # beyond it bars are not of this time (feed.Bounds)
SHOWN = 5  # symbols that are named


def account_of(rest: Rest) -> Account:
    """The account behind the keys. Raises InputError when it cannot be asked for, or may not trade."""
    account = demanded(rest.account(), "broker account")
    if not account.may_trade:
        problem = f"takes no orders: status {account.status}"
        problem += ", trading blocked" if account.trading_blocked or account.account_blocked else ""
        problem += ", suspended by its owner" if account.trade_suspended_by_user else ""
        raise InputError("broker account", problem, "See the broker's own page about it")
    return account


def check_terms(account: Account, settings: AccountSettings) -> None:
    """Raise InputError where the configuration takes for granted what the broker does not give."""
    given = settings.multiplier if account.multiplier is None else float(account.multiplier)
    if given < settings.multiplier:
        problem = f"{settings.multiplier}, and the broker gives this account {given:g}"
        raise InputError("account.multiplier", problem, f"Set account.multiplier to {given:g}, and caps to match")
    if settings.shorting and account.shorting_enabled is False:
        problem = "true, and the broker does not let this account sell short"
        raise InputError("account.shorting", problem, "Set account.shorting = false")


def check_clock(rest: Rest, clock: Clock, tolerance: int = SKEW) -> None:
    """Raise InputError when our clock is not the broker's, by more than `tolerance` ns."""
    theirs = demanded(rest.clock(), "broker clock")
    ahead = clock.now() - int(theirs.timestamp)
    if abs(ahead) > tolerance:
        problem = f"is {abs(ahead) / SECOND:,.0f} s {'ahead of' if ahead > 0 else 'behind'} the broker's"
        raise InputError("the clock of this machine", problem, "Set it, best by NTP")


def check_flat(rest: Rest) -> None:
    """Raise InputError when the account holds or has ordered anything: a new run's books begin with cash alone."""
    held = sorted(position.symbol for position in demanded(rest.positions(), "broker positions") if position.shares)
    ordered = sorted({order.symbol for order in demanded(rest.open_orders(), "broker orders")})
    for symbols, what in ((held, "holds"), (ordered, "has open orders in")):
        if symbols:
            names = ", ".join(symbols[:SHOWN]) + (" …" if len(symbols) > SHOWN else "")
            remedy = "Close them first, or name the run that they belong to with --run and its database"
            raise InputError("broker account", f"{what} {names}, and a new run begins flat", remedy)
