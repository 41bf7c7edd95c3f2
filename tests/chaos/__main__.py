"""`make chaos`: twenty kills (or `--kills N --seed S`), printed as they happen; exit 1 if an invariant broke.

The kills run in scenes of five, each on a database of its own. What a scene showed is kept in `var/chaos`: an interrupted run goes on with
the first scene that is missing, as long as the source is the same (`--fresh` begins anew).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("MAMWEB_ENV", "test")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")
SCENE = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accounts", type=int, default=24)
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run showed")
    options = parser.parse_args()
    for name in ("kills", "accounts"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, not {getattr(options, name)}")
    import django

    django.setup()
    from django.conf import settings

    from mamweb.services import attach_services

    attach_services()
    folder = settings.VAR_DIR / "chaos"
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(options.kills)
    scenes = [numbers[first : first + SCENE] for first in range(0, options.kills, SCENE)]
    shown = [_scene(folder, scene, options) for scene in scenes]
    sys.exit(_summary(shown))


def _scene(folder: Path, scene: range, options: argparse.Namespace) -> dict[str, Any]:
    """Play a scene, or take what an earlier run kept of it."""
    from tests.chaos.kills import Kill, run_kills, verdict
    from tests.chaos.stage import stage

    name = f"seed-{options.seed}-kills-{scene.start + 1}-{scene.stop}"
    kept = folder / f"{name}-{_digest(options.accounts)}.json"
    if kept.exists() and not options.fresh:
        print(f"{name}: kept from an earlier run")
        found: dict[str, Any] = json.loads(kept.read_text())
        return found

    def tell(kill: Kill) -> None:
        told = f"{kill.sending} rows left SENDING, recovered in {kill.recovered:.1f} s" if kill.sending else "nothing left SENDING"
        print(f"kill {kill.number + 1}: {kill.process} at {kill.point}, {told}, settled", flush=True)

    started = time.monotonic()
    with stage(name, accounts=options.accounts, seed=options.seed + scene.start) as here:
        kills = run_kills(here, numbers=scene, seed=options.seed, tell=tell)
        violations = verdict(here)
    for text in violations:
        print(f"FAILED {text}", flush=True)
    shown = {"kills": [asdict(kill) for kill in kills], "violations": violations, "seconds": time.monotonic() - started}
    kept.write_text(json.dumps(shown))
    return shown


def _digest(accounts: int) -> str:
    """Return what names the source: results of other source prove nothing about this one."""
    root = Path(__file__).resolve().parents[2]
    apps = ("base", "market", "governance", "accounts", "risk", "allocation", "execution", "mamweb", "tests/chaos")
    files = sorted(path for app in apps for path in (root / app).rglob("*.py"))
    digest = hashlib.sha256(str(accounts).encode())
    for path in files:
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _summary(shown: Sequence[dict[str, Any]]) -> int:
    """Print what the scenes showed in all; return the exit status."""
    kills = [kill for scene in shown for kill in scene["kills"]]
    violations = sum(len(scene["violations"]) for scene in shown)
    left = [kill for kill in kills if kill["sending"]]
    slowest = max((kill["recovered"] for kill in left), default=0.0)
    seconds = sum(scene["seconds"] for scene in shown)
    print(
        f"{len(kills)} kills in {seconds:.0f} s: {len(left)} left SENDING rows ({sum(kill['sending'] for kill in left)} in all), "
        f"slowest recovery {slowest:.1f} s, {violations} violations"
    )
    return 1 if violations or 2 * len(left) < len(kills) else 0


main()
