"""`make chaos`: twenty kills (or `--kills N --seed S`), printed as they happen; exit 1 if an invariant broke."""

from __future__ import annotations

import argparse
import os
import sys
import time

os.environ.setdefault("MAMWEB_ENV", "test")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accounts", type=int, default=24)
    options = parser.parse_args()
    import django

    django.setup()
    from mamweb.services import attach_services
    from tests.chaos.kills import run_kills, verdict
    from tests.chaos.stage import stage

    attach_services()
    started = time.monotonic()
    with stage(f"seed-{options.seed}", accounts=options.accounts, seed=options.seed) as here:
        done = run_kills(here, kills=options.kills, seed=options.seed, tell=lambda text: print(text, flush=True))
        found = verdict(here)
    for text in found:
        print(f"FAILED {text}")
    left = sum(1 for kill in done if kill.sending)
    print(f"{len(done)} kills in {time.monotonic() - started:.0f} s, {left} left SENDING rows, {len(found)} violations")
    sys.exit(bool(found))


main()
