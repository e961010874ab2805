"""What a request has that is secret, as rows have it: sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.catalog.store import Catalog
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.outputs.specs import plain, read_outputs
from orchestrator.outputs.webhooks import Webhook, plain_webhooks, read_webhooks
from orchestrator.recordings.encryption.sealed_text import seal, unseal
from orchestrator.recordings.start_request import E2EE, OUTPUTS, WEBHOOKS, StartRequest


async def sealed_secrets(catalog: Catalog, request: StartRequest) -> dict[str, str]:
    """Each secret part of the request, sealed, by its name; Unavailable if it can't be."""
    texts = {
        E2EE: None if request.e2ee is None else request.e2ee.plain(),
        OUTPUTS: None if request.outputs is None else plain(request.outputs),
        WEBHOOKS: None if request.webhooks is None else plain_webhooks(request.webhooks),
    }
    return {name: await seal(catalog, text) for name, text in texts.items() if text is not None}


async def unsealed_request(catalog: Catalog, given: Mapping[str, Any]) -> StartRequest:
    """The request of a row that has its secrets beside it; Unavailable if they can't be read."""
    texts = {
        name: await unseal(catalog, given[name])
        for name in (E2EE, OUTPUTS, WEBHOOKS)
        if given.get(name)
    }
    return replace(
        StartRequest.from_dict(given),
        e2ee=E2eeKeys.read(texts[E2EE]) if E2EE in texts else None,
        outputs=tuple(read_outputs(texts[OUTPUTS])) if OUTPUTS in texts else None,
        webhooks=tuple(read_webhooks(texts[WEBHOOKS])) if WEBHOOKS in texts else None,
    )


async def sealed_webhooks(catalog: Catalog, webhooks: Sequence[Webhook]) -> str | None:
    """Those of a recording's row; None if there are none."""
    return await seal(catalog, plain_webhooks(webhooks)) if webhooks else None
