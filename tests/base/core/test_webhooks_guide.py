"""docs/webhooks.md: its worked example is what the code computes and accepts; docs/glossary.md names each term once."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allocation.core.alert_payloads import parse_alert
from base.core.webhooks import SigningKey, WebhookRefused, parse_secret, sign, verify

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "webhooks.md").read_text()
EXAMPLE = dict(re.findall(r"^(secret|id|timestamp|body|signature): +(.+)$", GUIDE, re.MULTILINE))


def test_s7_the_guides_example_is_recomputed_and_accepted_once_fresh():
    sent_at = datetime.fromtimestamp(int(EXAMPLE["timestamp"]), UTC)
    secret, body = parse_secret(EXAMPLE["secret"]), EXAMPLE["body"].encode()
    headers = sign(EXAMPLE["id"], sent_at, body, secret)
    assert headers["webhook-signature"] == EXAMPLE["signature"]
    message = verify(headers, body, [SigningKey("guide", secret)], sent_at + timedelta(seconds=20), source="guide")
    assert parse_alert(message.body).strategy == "momentum"
    with pytest.raises(WebhookRefused, match="STALE"):
        verify(headers, body, [SigningKey("guide", secret)], sent_at + timedelta(minutes=6), source="guide")


def test_s7_the_guides_program_and_shell_line_use_the_same_values():
    (program,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names: dict[str, object] = {}
    exec(program, names)
    assert names["signature"] == EXAMPLE["signature"]
    (line,) = re.findall(r"printf '%s' '(.*?)' \|", GUIDE)
    assert line == f"{EXAMPLE['id']}.{EXAMPLE['timestamp']}.{EXAMPLE['body']}"
    assert f"hexkey:{parse_secret(EXAMPLE['secret']).hex()}" in GUIDE


def test_s7_the_guide_lists_every_code_of_a_refusal():
    raised = set(re.findall(r'WebhookRefused\("([A-Z_]+)"', (ROOT / "base" / "core" / "webhooks.py").read_text()))
    table = GUIDE[GUIDE.index("## What is refused") : GUIDE.index("## Changing the secret")]
    assert len(raised) == 8 and raised == set(re.findall(r"`([A-Z_]+)`", table))


def test_one_concept_has_one_name_and_a_source():
    rows = [line.strip("|").split(" | ") for line in (ROOT / "docs" / "glossary.md").read_text().splitlines() if line.startswith("| ")]
    entries = [row for row in rows if row[0].strip() != "term"]
    terms = [row[0].strip().lower() for row in entries]
    assert len(terms) >= 60 and len(set(terms)) == len(terms)
    assert all(len(row) == 3 and row[1].strip() and row[2].strip() for row in entries)
