"""Which pages are pictured, and as whom. A path may name ids of the firm's rows: {account}, {journey}, {statement} and so on (stage.py).

`PAGES` are addresses as they open (the end-to-end tests visit them too); `SCENES` are pages after somebody did something: typed, opened a menu,
ticked a row. `ADMIN` is the rest of the admin's tables and forms, `README` what the README shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.template.loader import render_to_string
from playwright.sync_api import Page

_TABS = ("positions", "lots", "cash", "orders", "fills", "mandate", "breaks", "statements", "audit")
_TABLES = (
    "accounts/accountgroup",
    "accounts/accountgroupuserobjectpermission",
    "accounts/accountuserobjectpermission",
    "governance/authority",
    "accounts/brokerconnection",
    "accounts/custodian",
    "accounts/ledgertransaction",
    "accounts/tradingblock",
    "execution/execution",
    "governance/alert",
    "governance/apitoken",
    "governance/approval",
    "governance/firmsettings",
    "governance/killswitch",
    "governance/mandate",
    "governance/membership",
    "governance/party",
    "governance/restriction",
    "governance/webhookkey",
    "reporting/statementdocument",
    "risk/firmlimit",
    "risk/gatedecision",
)
_FORMS = (
    "accounts/account/do/open",
    "accounts/account/{account}/do/block",
    "accounts/account/{account}/do/close",
    "governance/authority/calendar",
    "governance/authority/{authority}/change/",
    "accounts/custodian/do/record",
    "governance/mandate/{mandate}/change/",
    "governance/restriction/do/restrict",
    "governance/killswitch/do/trip",
)

PAGES: dict[str, tuple[str, ...]] = {
    "MANAGER": (
        "/home/",
        "/accounts/",
        "/accounts/?by=strategy",
        "/accounts/?layout=cards",
        "/accounts/?view={view}",
        "/accounts/{account}/",
        *(f"/accounts/{{account}}/?tab={tab}" for tab in _TABS),
        "/ticket/",
        "/blotter/",
        "/positions/",
        "/exposure/",
        "/journeys/",
        "/journeys/{journey}/",
        "/alerts/",
        "/connections/",
        "/statements/",
        "/kill-switch/",
        "/nothing-here",
    ),
    "OPERATIONS": ("/home/", "/reconciliation/", "/alerts/", "/alerts/?show=history"),
    "COMPLIANCE": (
        "/home/",
        "/wash-sales/",
        "/approvals/",
        "/authorities/",
        "/admin/",
        "/admin/accounts/account/",
        "/admin/accounts/account/{account}/change/",
        "/admin/accounts/account/{account}/do/change",
        "/admin/governance/auditevent/",
    ),
    "INVESTOR": ("/portal/", "/portal/{account}/holdings", "/portal/{account}/activity", "/portal/{account}/documents"),
    "": ("/auth/login/", "/auth/password/reset/", "/auth/password/reset/done/"),
}

Step = Callable[[Page], object]


@dataclass(frozen=True, slots=True)
class Scene:
    """A page, opened as somebody in the role, after the steps. role "": nobody; "MANAGER@empty": of the firm that has nothing yet."""

    name: str
    role: str
    path: str
    steps: tuple[Step, ...] = ()
    status: int = 200
    phone_only: bool = False


def click(selector: str) -> Step:
    """Click the first that fits."""
    return lambda page: page.locator(selector).first.click()


def fill(selector: str, text: str) -> Step:
    """Write into a field."""
    return lambda page: page.locator(selector).first.fill(text)


def press(key: str) -> Step:
    """Press a key where the focus is."""
    return lambda page: page.keyboard.press(key)


def see(selector: str) -> Step:
    """Wait until it is in sight."""
    return lambda page: page.locator(selector).first.wait_for()


def put(template: str) -> Step:
    """Show a template that no address answers with."""
    return lambda page: page.set_content(render_to_string(template, {"status": template.partition(".")[0]}))


def _menu(page: Page) -> None:
    """Open the rail where it is closed: on a phone."""
    if page.locator(".topbar__menu").is_visible():
        page.locator(".topbar__menu").click()


_TYPED = (
    click("label:has-text('Global Equity Core')"),
    fill("#symbol", "INLET"),
    fill("[name=figure]", "7"),
    fill("[name=reason]", "Raise INLET to its model weight after results."),
    see("#preview .tbl"),
)
README: tuple[Scene, ...] = (
    Scene("accounts", "MANAGER", "/accounts/?by=strategy", (see("#accounts-below svg"),)),
    Scene("ticket", "MANAGER", "/ticket/", (*_TYPED, click("h1"))),
    Scene("portal", "INVESTOR", "/portal/{account}/", (see(".vega svg"),)),
)
ADMIN: tuple[Scene, ...] = (
    *(Scene(f"admin-{table.replace('/', '-')}", "COMPLIANCE", f"/admin/{table}/") for table in _TABLES),
    *(Scene(f"admin-{form.split('/')[1]}-{form.strip('/').split('/')[-1]}", "COMPLIANCE", f"/admin/{form}") for form in _FORMS),
)
SCENES: tuple[Scene, ...] = (
    Scene("ticket-preview", "MANAGER", "/ticket/", _TYPED),
    Scene("ticket-instruments", "MANAGER", "/ticket/", (click("#symbol"), press("A"), see("#instruments li"))),
    Scene("ticket-released", "MANAGER", "/ticket/released/{journey}/"),
    Scene("positions-ticked", "MANAGER", "/positions/", (click("tbody input[type=checkbox]"),)),
    Scene("blotter-parent", "MANAGER", "/blotter/", (click("#blotter tbody button"), see("#blotter .detail .tbl"))),
    Scene("exposure-holders", "MANAGER", "/exposure/", (click("tbody button"), see(".drill tr"))),
    Scene("account-views", "MANAGER", "/accounts/", (click("[popovertarget=views]"), see("#views form"))),
    Scene("account-filter", "MANAGER", "/accounts/", (click("[popovertarget=filter]"), see("#filter select"))),
    Scene("palette", "MANAGER", "/accounts/", (press("Control+k"), fill("#palette input", "a"), see("#palette li"))),
    Scene("keys", "MANAGER", "/accounts/", (press("?"), see("#keys[open]"))),
    Scene("menu", "MANAGER", "/accounts/", (_menu,), phone_only=True),
    Scene("choices", "MANAGER", "/connections/", (_menu, click(".rail__foot"))),
    Scene("alert", "MANAGER", "/alerts/?alert={alert}"),
    Scene("kill-confirm", "MANAGER", "/kill-switch/", (click("main form button"),)),
    Scene("break", "OPERATIONS", "/reconciliation/?break={break}", (see("#break .tbl"),)),
    Scene("break-waive", "OPERATIONS", "/reconciliation/?break={break}", (see("#break .tbl"), click("input[value=waive]"))),
    Scene("approvals-decided", "COMPLIANCE", "/approvals/?show=history"),
    Scene("authority", "COMPLIANCE", "/authorities/{authority}/"),
    Scene("mandate", "COMPLIANCE", "/authorities/mandates/{mandate}/"),
    Scene("account-portal-period", "INVESTOR", "/portal/{account}/?period=all"),
    Scene("you", "MANAGER", "/auth/"),
    Scene("sessions", "MANAGER", "/auth/sessions/"),
    Scene("second-factor", "MANAGER", "/auth/2fa/"),
    Scene("sign-in-wrong", "", "/auth/login/", (fill("[name=login]", "a@example.com"), fill("[name=password]", "x"), press("Enter"))),
    Scene("forbidden", "INVESTOR", "/home/", status=403),
    Scene("defect", "", "/auth/login/", (put("500.html"),)),
    *(
        Scene(f"empty-{path.strip('/')}", "MANAGER@empty", path)
        for path in (
            "/home/",
            "/accounts/",
            "/ticket/",
            "/blotter/",
            "/positions/",
            "/exposure/",
            "/journeys/",
            "/alerts/",
            "/connections/",
            "/statements/",
            "/reconciliation/",
            "/kill-switch/",
        )
    ),
    Scene("empty-approvals", "COMPLIANCE@empty", "/approvals/"),
    Scene("empty-wash-sales", "COMPLIANCE@empty", "/wash-sales/"),
    Scene("empty-authorities", "COMPLIANCE@empty", "/authorities/"),
    Scene("empty-portal", "INVESTOR@empty", "/portal/"),
)
