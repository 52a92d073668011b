"""Prometheus metrics of generated replies: counts and times, never words."""

import logging

from prometheus_client import Counter, Histogram, start_http_server

logger = logging.getLogger(__name__)

REPLIES = Counter("shopllm_replies", "Tries at a reply, by backend and outcome", ["backend", "outcome"])
TOKENS = Counter("shopllm_tokens", "Tokens read (prompt) and written (completion)", ["backend", "kind"])
CACHE = Counter("shopllm_reply_cache", "Look-ups in the cache of replies", ["result"])
SECONDS = Histogram(
    "shopllm_generation_seconds",
    "Time a backend took to compose a reply",
    ["backend"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16),
)


def serve(host: str, port: int) -> None:
    """Serves the process's metrics at `http://host:port/metrics` from a thread; a port in use is only logged."""
    try:
        start_http_server(port, host)
    except OSError as error:
        logger.warning("Metrics are not served at %s:%d: %s", host, port, error.strerror)
