"""S7: signed webhooks. 1,000 replays, alterations and stale messages, none accepted."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from base.core.webhooks import MAX_BODY_BYTES, SigningKey, WebhookRefused, parse_secret, sign, verify

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
OLD = SigningKey("old", b"o" * 32, valid_until=NOW + timedelta(hours=1))
NEW = SigningKey("new", b"n" * 32, valid_from=NOW - timedelta(hours=1))
BODY = b'{"symbol":"XYZ","action":"buy","quantity":"10"}'


def refused(headers, body=BODY, keys=(OLD, NEW), now=NOW):
    with pytest.raises(WebhookRefused) as caught:
        verify(headers, body, keys, now, source="api-1")
    return caught.value.code


def test_s7_the_published_standard_webhooks_example_verifies():
    secret = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    sent_at = datetime.fromtimestamp(1614265330, UTC)
    headers = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at, b'{"test": 2432232314}', secret)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    message = verify(headers, b'{"test": 2432232314}', [SigningKey("k", secret)], sent_at, source="s")
    assert message.replay_key == ("s", "msg_p5jXN8AQM9LWM0D4loKWxJek") and message.sent_at == sent_at


def test_s7_header_names_in_any_case_and_the_right_key_is_named():
    headers = {name.title(): value for name, value in sign("m1", NOW, BODY, NEW.secret).items()}
    assert verify(headers, BODY, [OLD, NEW], NOW, source="api-1").key_id == "new"


def test_s7_both_keys_hold_while_they_change_over_and_only_then():
    assert verify(sign("m1", NOW, BODY, OLD.secret), BODY, [OLD, NEW], NOW, source="s").key_id == "old"
    later = NOW + timedelta(hours=2)
    assert refused(sign("m1", later, BODY, OLD.secret), now=later) == "BAD_SIGNATURE"
    assert refused(sign("m1", later, BODY, OLD.secret), keys=[OLD], now=later) == "NO_KEY"
    assert refused(sign("m1", NOW - timedelta(hours=2), BODY, NEW.secret), keys=[NEW], now=NOW - timedelta(hours=2)) == "NO_KEY"
    headers = sign("m1", NOW, BODY, NEW.secret)
    headers["webhook-signature"] = "v1a,zzz v1,AAAA " + headers["webhook-signature"]
    assert verify(headers, BODY, [NEW], NOW, source="s").key_id == "new"


@pytest.mark.parametrize(("offset", "code"), [(301, "STALE"), (300, None), (-300, None), (-301, "FROM_THE_FUTURE")])
def test_s7_five_minutes_either_way(offset, code):
    headers = sign("m1", NOW, BODY, NEW.secret)
    now = NOW + timedelta(seconds=offset)
    if code is None:
        assert verify(headers, BODY, [NEW], now, source="s").message_id == "m1"
    else:
        assert refused(headers, now=now, keys=[NEW]) == code


def test_s7_headers_must_be_there_and_well_formed():
    good = sign("m1", NOW, BODY, NEW.secret)
    for name in good:
        assert refused({key: value for key, value in good.items() if key != name}) == "MISSING_HEADER"
        assert refused({**good, name: ""}) == "MISSING_HEADER"
        assert refused({**good, name.upper(): good[name]}) == "MISSING_HEADER"
    for bad in ("a.b", "a b", "ü", "x" * 129):
        assert refused({**good, "webhook-id": bad}) == "BAD_ID"
    for bad in ("+1", "-1", "1.5", " 1772463600", "0x1", "01772463600", "9" * 12, "١٢"):
        assert refused({**good, "webhook-timestamp": bad}) == "BAD_TIMESTAMP"
    assert refused(good, body=b"x" * (MAX_BODY_BYTES + 1)) == "BODY_TOO_LARGE"


def test_s7_a_far_timestamp_is_refused_not_a_crash():
    far = {"webhook-id": "m1", "webhook-timestamp": "99999999999", "webhook-signature": "v1,x"}
    assert refused(far) == "BAD_SIGNATURE"
    content = sign("m1", datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC), BODY, NEW.secret)
    assert refused(content) == "FROM_THE_FUTURE"


def test_s7_a_thousand_replays_alterations_and_stale_messages_none_accepted():
    rng = random.Random(7)
    seen: set[tuple[str, str]] = set()
    accepted_originals = accepted_attacks = 0

    def receive(headers, body, now):
        try:
            message = verify(headers, body, [OLD, NEW], now, source="api-1")
        except WebhookRefused:
            return False
        if message.replay_key in seen:
            return False
        seen.add(message.replay_key)
        return True

    for number in range(1000):
        key = rng.choice([OLD, NEW])
        headers = sign(f"m{number}", NOW, BODY, key.secret)
        attack = rng.choice(["replay", "stale", "future", "body", "id", "timestamp", "signature", "key", "drop", "padding"])
        forged, body, now = dict(headers), BODY, NOW
        if attack == "replay":
            accepted_originals += receive(headers, BODY, NOW)
            now = NOW + timedelta(seconds=rng.randrange(300))
        elif attack in ("stale", "future"):
            shift = timedelta(seconds=301 + rng.randrange(100_000))
            forged = sign(f"m{number}", NOW - shift if attack == "stale" else NOW + shift, BODY, key.secret)
        elif attack == "body":
            position = rng.randrange(len(BODY))
            body = BODY[:position] + bytes([BODY[position] ^ (1 << rng.randrange(8))]) + BODY[position + 1 :]
        elif attack == "id":
            forged["webhook-id"] = f"n{number}"
        elif attack == "timestamp":
            forged["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + rng.choice([-1, 1, 60]))
        elif attack == "signature":
            text = headers["webhook-signature"]
            position = rng.randrange(len(text))
            forged["webhook-signature"] = text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]
        elif attack == "key":
            forged = sign(f"m{number}", NOW, BODY, rng.randbytes(32))
        elif attack == "drop":
            forged.pop(rng.choice(sorted(forged)))
        else:
            # The last letter before "=" carries two unused bits: another letter decodes to the same bytes.
            text = headers["webhook-signature"]
            letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            forged["webhook-signature"] = text[:-2] + letters[letters.index(text[-2]) ^ 1] + "="
        accepted_attacks += receive(forged, body, now)
    assert accepted_attacks == 0
    assert accepted_originals == len(seen) > 50


def test_s11_secrets_show_in_no_repr_and_no_error():
    key = SigningKey("k", b"very-secret-very-secret-very-secret")
    assert "secret-very" not in repr(key)
    with pytest.raises(ValueError) as caught:
        parse_secret("whsec_c2hvcnQ=")
    assert "c2hvcnQ" not in str(caught.value)
    for bad in ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***", "whsec_ü"):
        with pytest.raises(ValueError, match="base64"):
            parse_secret(bad)
    with pytest.raises(ValueError, match="shorter"):
        SigningKey("k", b"short")
    with pytest.raises(ValueError, match="message_id"):
        sign("a.b", NOW, BODY, key.secret)
