"""The page-scoped ids under which Meta knows a customer, made from the customer's own id: the same
at every start, and none that a real person has.
"""

from __future__ import annotations

from hashlib import sha256


def psid(customer_id: str) -> str:
    """Messenger's; really another one for each Page, here one for all of them."""
    return f"4{_digits('psid', customer_id, 15)}"


def igsid(customer_id: str) -> str:
    """Instagram's; really another one for each account, here one for all of them."""
    return f"6{_digits('igsid', customer_id, 14)}"


def app_scoped(account: str) -> str:
    """The id that an app has for an account of Instagram, beside the account's own."""
    return f"2{_digits('app', account, 16)}"


def _digits(space: str, customer_id: str, count: int) -> str:
    number = int(sha256(f"{space}:{customer_id}".encode()).hexdigest(), 16)
    return f"{number % 10**count:0{count}d}"
