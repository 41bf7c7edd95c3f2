"""`manage.py verify_audit`: check every firm's audit chain, against heads exported earlier too (GOV-7, S12).

A head file is JSON: {"format": "mamweb-audit-1", "firms": {"<firm id>": {"sequence": n, "hash": "…"}}}. Keep it where nobody who can write
to the database can write. It is exported only when everything was found sound.
"""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from base import tenancy
from base.commands import BadArgument, HouseCommand, identifier
from governance.core.audit import FORMAT, Head
from governance.queries import ChainReport, firm_ids, verify_chain


class Command(HouseCommand):
    help = "Check the audit chain; exits with 1 if anything was edited, deleted, reordered, cut off or rewritten."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=identifier, help="one firm only")
        parser.add_argument("--head", type=Path, help="a head file exported earlier")
        parser.add_argument("--export-head", type=Path, help="write the heads here if all is sound")

    def handle(self, *, firm: int | None, head: Path | None, export_head: Path | None, **options: Any) -> None:
        exported = {} if head is None else read_heads(head)
        wanted = [firm] if firm is not None else sorted({*firm_ids(), *exported})
        reports = {firm_id: self._report(firm_id, exported.get(firm_id)) for firm_id in wanted}
        faults = sum(len(report.faults) for report in reports.values())
        if faults:
            raise CommandError(f"{faults} findings in {len(reports)} firms", returncode=1)
        if export_head is not None:
            try:
                write_heads(export_head, {firm_id: report.head for firm_id, report in reports.items()})
            except OSError as error:
                raise BadArgument(f"--export-head {export_head}: {error.strerror}") from error
        self.stdout.write(f"sound: {len(reports)} firms")

    def _report(self, firm_id: int, exported: Head | None) -> ChainReport:
        with tenancy.firm(firm_id):
            report = verify_chain(exported=() if exported is None else (exported,))
        self.stdout.write(f"firm {firm_id}: {report.sealed} sealed, {report.unsealed} not sealed yet")
        for finding in report.findings:
            self.stdout.write(f"firm {firm_id}: {finding.kind} at {finding.sequence}: {finding.message}")
        return report


def read_heads(path: Path) -> dict[int, Head]:
    """Return the heads by firm. Raises BadArgument for a file that is not one."""
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise ValueError(content["format"])
        return {int(firm): Head(int(head["sequence"]), bytes.fromhex(head["hash"])) for firm, head in content["firms"].items()}
    except OSError as error:
        raise BadArgument(f"--head {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadArgument(f"--head {path}: is no head file: {error}") from error


def write_heads(path: Path, heads: dict[int, Head]) -> None:
    """Write the file whole or not at all."""
    firms = {str(firm): {"sequence": head.sequence, "hash": head.chain_hash.hex()} for firm, head in heads.items()}
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps({"format": FORMAT, "firms": firms}, indent=1) + "\n")
    os.replace(beside, path)
