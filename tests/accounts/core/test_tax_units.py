"""WASH-2, CON-3: who reports an account's gains, and with whom its losses wash."""

from __future__ import annotations

from datetime import date

from accounts.core.relationships import Edge, account, party
from accounts.core.tax_units import TaxFacts, tax_units
from accounts.enums import Registration as G
from accounts.enums import RelationshipKind
from accounts.enums import TaxClassification as T

ON = date(2026, 3, 2)


def edge(source, target, until=None):
    return Edge(RelationshipKind.TAX_UNIT, source, target, date(2025, 1, 1), until)


def test_wash_2_one_owners_accounts_are_one_unit_and_clients_are_not():
    facts = [
        TaxFacts("M1", "M", T.TAXABLE, G.INDIVIDUAL),
        TaxFacts("M2", "M", T.DISREGARDED, G.LLC),
        TaxFacts("IRA", "M", T.TAX_DEFERRED, G.TRADITIONAL_IRA),
        TaxFacts("K", "client K", T.TAXABLE, G.INDIVIDUAL),
        TaxFacts("unowned", None, T.TAXABLE),
        TaxFacts("unowned too", None, T.TAXABLE),
    ]
    units = tax_units(facts, [], ON)
    assert [units[one.account_id].unit for one in facts] == [0, 0, 0, 1, 2, 3]
    assert len({units[name].account.taxpayer for name in ("M1", "M2", "IRA")}) == 1
    assert [one.account_id for one in facts if units[one.account_id].account.is_sheltered] == ["IRA"]


def test_wash_11_a_spouse_and_a_corporation_are_linked_and_not_the_same():
    facts = [
        TaxFacts("M", "M", T.TAXABLE, G.INDIVIDUAL),
        TaxFacts("hers", "S", T.TAXABLE, G.INDIVIDUAL),
        TaxFacts("spouse", "M", T.TAXABLE, G.SPOUSE),
        TaxFacts("corp", "M", T.C_CORPORATION, G.CORPORATION),
    ]
    linked = edge(party("M"), party("S"))
    units = tax_units(facts, [linked], ON)
    assert {member.unit for member in units.values()} == {0}
    assert len({member.account.taxpayer for member in units.values()}) == 4
    ended = tax_units(facts, [edge(party("M"), party("S"), ON)], ON)
    assert ended["hers"].unit != ended["M"].unit


def test_wash_2_what_the_graph_records_wins_over_the_owner():
    facts = [TaxFacts("A", "M", T.TAXABLE), TaxFacts("nominee", "bank", T.TAXABLE), TaxFacts("other", "bank", T.TAXABLE)]
    units = tax_units(facts, [edge(account("nominee"), party("M"))], ON)
    assert units["nominee"].unit == units["A"].unit != units["other"].unit
    assert units["nominee"].account.taxpayer == units["A"].account.taxpayer


def test_wash_10_roth_and_health_accounts_are_sheltered_whatever_their_class():
    assert TaxFacts("roth", "M", T.TAX_FREE, G.ROTH_IRA).is_sheltered and TaxFacts("hsa", "M", T.TAXABLE, G.HSA).is_sheltered
    assert not TaxFacts("own", "M", T.TAXABLE, G.JOINT).is_sheltered
