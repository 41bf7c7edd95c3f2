"""How often a program may ask, counted in Valkey so that all web processes share one count.

Entry points: `spend` for doors, `address_of_caller` for callers nobody knows. Rates: `settings.API_RATES`, by scope; a scope without
one is not counted and costs nothing.

Invariants
1. A request is counted in all its buckets or in none: a refused one does not push the next one further away.
2. In any period at most twice a rate's count passes, and never more than the count at once.
3. Without Valkey nothing is counted and nobody is refused: a limit protects the house, it does not decide about orders.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any

import redis
from django.conf import settings
from rest_framework.exceptions import Throttled

from base.core.rates import Rate
from base.origin import current_origin

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 0.25
PAUSE_SECONDS = 5.0
_silent_until = 0.0

# For each key the instant at which its bucket is full again (µs of the server's clock): one more moves it on by one interval.
_TAKE = """
local clock = redis.call('TIME')
local now, wait, full = clock[1] * 1000000 + clock[2], 0, {}
for i, key in ipairs(KEYS) do
  local at = math.max(tonumber(redis.call('GET', key)) or 0, now) + ARGV[2 * i - 1]
  wait = math.max(wait, at - ARGV[2 * i] - now)
  full[i] = at
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', full[i]), 'PX', math.ceil((full[i] - now) / 1000) + 1)
end
return 0
"""


def spend(*buckets: tuple[str, str]) -> None:
    """Count one request in each bucket, a scope and who it is counted for. Raises Throttled with the seconds to wait."""
    rates = [(scope, who, settings.API_RATES.get(scope)) for scope, who in buckets]
    counted = [(scope, who, rate) for scope, who, rate in rates if rate is not None]
    if not counted:
        return
    wait = _take({_key(scope, who): rate for scope, who, rate in counted})
    if wait > 0:
        allowed = ", ".join(f"{rate} for each {scope}" for scope, _, rate in counted)
        raise Throttled(ceil(wait), f"too many requests: allowed are {allowed}.")


def address_of_caller() -> str:
    """Return what a caller without a key is counted by: the address, of IPv6 the network of 64 bits that one subscriber holds."""
    text = current_origin().source_ip
    if text and isinstance(ip_address(text), IPv6Address):
        return str(ip_network(f"{text}/64", strict=False))
    return text


def _key(scope: str, who: str) -> str:
    return f"rate:{settings.DATABASES['default']['NAME']}:{scope}:{who}"


def _take(rates: dict[str, Rate]) -> float:
    """Return how many seconds too early this is; 0 when it was counted, or nobody could count."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return 0.0
    arguments = [figure for rate in rates.values() for figure in (rate.seconds * 1_000_000 // rate.count, rate.seconds * 1_000_000)]
    try:
        return int(_script(settings.REDIS_URL)(keys=list(rates), args=arguments)) / 1_000_000
    except redis.RedisError as error:
        _silent_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("requests are not counted for %s s: %s", PAUSE_SECONDS, error)
        return 0.0


@lru_cache(maxsize=4)
def _script(url: str) -> Any:
    client = redis.Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
    return client.register_script(_TAKE)
