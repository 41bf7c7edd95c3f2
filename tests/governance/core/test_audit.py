"""GOV-7 and S12: the audit chain finds every edit, deletion, insertion, reordering and truncation."""

import hashlib
import random
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.core.audit import AuditEvent, Head, chain_hash, genesis, row_bytes, seal, verify
from governance.core.redaction import CHANGED, REDACTED, change, is_secret_name, redact
from governance.core.subjects import Subject
from governance.enums import AuditAction, AuditFindingKind, Role, SubjectKind

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
FIRM = "7"


def event(number, **changes):
    base = AuditEvent(
        event_id=UUID(int=number),
        firm_id=FIRM,
        at=NOW + timedelta(microseconds=number),
        actor_id=f"user-{number % 3}",
        actor_role=Role.TRADER,
        action=AuditAction.RELEASED,
        subject=Subject(SubjectKind.PARENT_ORDER, f"P{number}"),
        before={"state": "PREVIEW", "lots": ["1.5", 2, None, True]},
        after={"state": "RELEASING"},
        reason="signal",
        rule="ALC-1",
        rule_version="1",
        journey_id=UUID(int=number + 1000),
        source_ip="192.0.2.7",
        api_key_id="key-1",
        approval_id=None,
    )
    return replace(base, **changes)


SECRET_NAMES = """
password new_password userPassword api_key apiKey API_KEY apikey secret client_secret webhookSecret token access_token refreshToken
private_key privateKey passphrase authorization Cookie otp totp_secret recovery_codes signing_key pin session_key key credentials
"""
TELLING_NAMES = "quantity api_key_id token_expires_at password_changed_at secret_version symbol pinned keyboard account_id mfa_enabled"
CHAIN = seal([event(number) for number in range(1, 41)], genesis(FIRM))
HEAD = CHAIN[-1].head


def kinds(rows, **options):
    return [finding.kind for finding in verify(rows, FIRM, **options)]


def test_gov_7_a_sealed_chain_is_sound_in_one_run_or_in_parts():
    assert verify(CHAIN, FIRM, exported=[CHAIN[9].head, HEAD]) == []
    assert verify(CHAIN[10:], FIRM, start=CHAIN[9].head, exported=[CHAIN[3].head, CHAIN[9].head, HEAD]) == []
    assert seal([event(number) for number in range(1, 11)], genesis(FIRM)) + seal([event(n) for n in range(11, 41)], CHAIN[9].head) == CHAIN
    assert verify([], FIRM) == [] and seal([], HEAD) == []


def test_gov_7_the_hash_is_sha256_of_previous_and_row():
    first = CHAIN[0]
    row = row_bytes(first.event, 1)
    assert first.previous_hash == hashlib.sha256(b"mamweb-audit-1|7").digest()
    assert first.chain_hash == hashlib.sha256(first.previous_hash + row).digest()
    assert orjson.loads(row)[:5] == ["mamweb-audit-1", 1, str(UUID(int=1)), "7", "2026-03-02T15:00:00.000001+00:00"]
    assert len(orjson.loads(row)) == 19


def test_gov_7_every_field_is_part_of_the_row():
    other = {"before": {"x": 1}, "after": None, "subject": Subject(SubjectKind.ACCOUNT, "P1"), "at": NOW, "action": AuditAction.DENIED}
    for field in fields(AuditEvent):
        value = other.get(field.name, UUID(int=99) if field.name.endswith(("event_id", "journey_id", "approval_id")) else "changed")
        changed = replace(event(1), **{field.name: value})
        assert row_bytes(changed, 1) != row_bytes(event(1), 1), field.name


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (CHAIN[:5] + CHAIN[6:], AuditFindingKind.DELETED),
        (CHAIN[1:], AuditFindingKind.DELETED),
        ([*CHAIN[:5], CHAIN[6], CHAIN[5], *CHAIN[7:]], AuditFindingKind.REORDERED),
        ([*CHAIN[:5], CHAIN[4], *CHAIN[5:]], AuditFindingKind.REORDERED),
        ([*CHAIN[:5], replace(CHAIN[5], event=event(6, reason="other")), *CHAIN[6:]], AuditFindingKind.EDITED),
        ([*CHAIN[:5], replace(CHAIN[5], chain_hash=b"x"), *CHAIN[6:]], AuditFindingKind.EDITED),
        ([*CHAIN[:5], replace(CHAIN[5], event=event(6, firm_id="8")), *CHAIN[6:]], AuditFindingKind.FOREIGN),
        (CHAIN[:-1], AuditFindingKind.TRUNCATED),
        ([], AuditFindingKind.TRUNCATED),
    ],
)
def test_s12_each_kind_of_damage_is_named(rows, expected):
    assert expected in kinds(rows, exported=[HEAD])


def test_s12_rehashing_everything_is_betrayed_by_an_exported_head():
    forged = seal([event(number, reason="other" if number == 20 else "signal") for number in range(1, 41)], genesis(FIRM))
    assert kinds(forged) == []
    assert kinds(forged, exported=[CHAIN[24].head]) == [AuditFindingKind.REWRITTEN]


def test_gov_7_events_not_yet_sealed_are_reported_with_the_oldest():
    (finding,) = verify(CHAIN, FIRM, unsealed=[event(42), event(41)])
    assert finding.kind is AuditFindingKind.UNSEALED_TAIL and finding.sequence == 40
    assert "2 events" in finding.message and event(41).at.isoformat() in finding.message


def mutate(rng):
    """Return (description, rows) of one random tampering with CHAIN."""
    rows = list(CHAIN)
    position, how = (
        rng.randrange(len(rows)),
        rng.choice(["field", "row", "delete", "truncate", "swap", "copy", "rehash", "renumber", "insert"]),
    )
    row = rows[position]
    if how == "field":
        name = rng.choice([field.name for field in fields(AuditEvent)])
        value = getattr(row.event, name)
        new = {
            "subject": Subject(SubjectKind.ACCOUNT, str(rng.random())),
            "at": row.event.at + timedelta(microseconds=rng.choice([-1, 1])),
            "before": {**row.event.before, "state": str(rng.random())},
            "after": None,
        }.get(name, UUID(int=rng.getrandbits(128)) if isinstance(value, UUID) or name == "approval_id" else f"{value}{rng.randrange(10)}")
        rows[position] = replace(row, event=replace(row.event, **{name: new}))
    elif how == "row":
        name = rng.choice(["previous_hash", "chain_hash"])
        value = bytearray(getattr(row, name))
        value[rng.randrange(32)] ^= 1 << rng.randrange(8)
        rows[position] = replace(row, **{name: bytes(value)})
    elif how == "delete":
        del rows[position]
    elif how == "truncate":
        del rows[position:]
    elif how == "swap":
        other = rng.choice([index for index in range(len(rows)) if index != position])
        rows[position], rows[other] = rows[other], rows[position]
    elif how == "copy":
        rows.insert(rng.randrange(len(rows) + 1), row)
    elif how == "rehash":
        previous = rows[position - 1].head if position else genesis(FIRM)
        rows[position:] = seal([replace(item.event, reason="forged") for item in rows[position:]], previous)
    elif how == "renumber":
        rows[position] = replace(row, sequence=rng.choice([number for number in range(-1, 60) if number != row.sequence]))
    else:
        previous = rows[position - 1].head if position else genesis(FIRM)
        rows.insert(position, seal([event(500 + position)], previous)[0])
    return f"{how} at {position}", rows


def test_s12_a_thousand_random_mutations_are_all_detected():
    rng = random.Random(12)
    missed = []
    for _ in range(1000):
        description, rows = mutate(rng)
        if not verify(rows, FIRM, exported=[HEAD]):
            missed.append(description)
    assert missed == []


def test_gov_7_a_chain_holds_one_firm_and_exact_values():
    with pytest.raises(ValueError, match="one firm"):
        seal([event(1), event(2, firm_id="8")], genesis(FIRM))
    with pytest.raises(ValueError, match="one firm"):
        seal([event(1)], genesis("8"))
    with pytest.raises(ValueError, match="32 bytes"):
        seal([event(1)], Head(5, b"short"))
    with pytest.raises(TypeError, match="naive"):
        seal([event(1, at=datetime(2026, 1, 1))], genesis(FIRM))
    with pytest.raises(ValueError, match="32 bytes"):
        chain_hash(b"", b"row")


@pytest.mark.parametrize(
    "name",
    SECRET_NAMES.split(),
)
def test_gov_7_names_of_secrets(name):
    assert is_secret_name(name)
    assert redact({"outer": [{name: "hunter2"}]}) == {"outer": [{name: REDACTED}]}


@pytest.mark.parametrize("name", TELLING_NAMES.split())
def test_gov_7_names_that_only_tell_about_a_secret(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "canary"),
    [
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("postgres://app:hunter2@db/x", "hunter2"),
        ("key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8G"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----", "MIIabc"),
        ("-----BEGIN PRIVATE KEY-----\nMIIcut", "MIIcut"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIi"),
        ("GET /x?token=abc123&y=1", "abc123"),
    ],
)
def test_gov_7_credentials_in_free_text_are_masked(text, canary):
    assert canary not in str(redact({"note": text})) and REDACTED in str(redact({"note": text}))


def test_gov_7_a_changed_secret_shows_that_it_changed():
    was, now = change({"secret": "a", "limit": 1, "old": 1}, {"secret": "b", "limit": Decimal("2.50"), "new": NOW})
    assert was == {"secret": REDACTED, "limit": 1, "old": 1}
    assert now == {"secret": CHANGED, "limit": "2.5", "new": "2026-03-02T15:00:00.000000+00:00"}
    assert change({"a": 1}, {"a": 1}) == ({}, {})


def test_gov_7_what_cannot_be_stored_exactly_is_refused_or_replaced():
    assert redact({"a": "x\x00y", "b": "\ud800", "c": {2, 1}, "d": 2**70}) == {"a": "x\ufffdy", "b": "?", "c": [1, 2], "d": str(2**70)}
    for bad in (1.5, object(), datetime(2026, 1, 1), Decimal("NaN")):
        with pytest.raises(TypeError):
            redact(bad)
    deep: object = 1
    for _ in range(30):
        deep = [deep]
    with pytest.raises(ValueError, match="nested"):
        redact(deep)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals(allow_nan=False, allow_infinity=False, places=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_gov_7_hashes_survive_storage_as_json(values):
    stored = redact(values)
    sealed = seal([event(1, after=stored)], genesis(FIRM))
    read_back = replace(sealed[0], event=event(1, after=orjson.loads(orjson.dumps(stored))))
    assert verify([read_back], FIRM, exported=[sealed[0].head]) == []
