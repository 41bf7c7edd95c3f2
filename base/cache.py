"""A cache for counting: where Redis is away it is empty, and nobody is kept from working.

Entry point: `ForgivingRedisCache`, as Django's cache backend. Invariant: nothing that must be right is kept here (DESIGN §2).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def _or(otherwise: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def forgiving(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except RedisError as error:
                log.warning("the cache is away: %s", type(error).__name__)
                return otherwise(*args, **kwargs)

        return forgiving

    return wrap


class ForgivingRedisCache(RedisCache):
    """Redis; without it every read misses and every write is taken as done."""

    get = _or(lambda self, key, default=None, version=None: default)(RedisCache.get)
    add = _or(lambda *args, **kwargs: True)(RedisCache.add)
    set = _or(lambda *args, **kwargs: None)(RedisCache.set)
    touch = _or(lambda *args, **kwargs: False)(RedisCache.touch)
    delete = _or(lambda *args, **kwargs: False)(RedisCache.delete)
    has_key = _or(lambda *args, **kwargs: False)(RedisCache.has_key)
    get_many = _or(lambda *args, **kwargs: {})(RedisCache.get_many)
    set_many = _or(lambda *args, **kwargs: [])(RedisCache.set_many)
    delete_many = _or(lambda *args, **kwargs: None)(RedisCache.delete_many)
