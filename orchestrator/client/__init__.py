"""A typed client of the HTTP API: `Client`, and `AsyncClient` for asyncio.

::

    from orchestrator.client import Client, ClientError

    with Client() as client:
        try:
            print(client.start("demo", output_format="mp4").output_path)
        except ClientError as error:
            print(error.code, error.detail)
"""

from orchestrator.client.errors import ClientError
from orchestrator.client.http_clients import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "ClientError"]
