"""Both ends of a zygote's socket, in one process."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from orchestrator.recordings.forking import answer, next_request, request_worker


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end and the zygote's."""
    server, zygote = socket.socketpair()
    with server, zygote:
        server.settimeout(10)
        zygote.settimeout(10)
        yield server, zygote


@pytest.fixture
def requested(ends: tuple[socket.socket, socket.socket]) -> Iterator[Future[int]]:
    """A request that waits for its answer: stdin and stderr are the ends of a pipe."""
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as executor:
        yield executor.submit(request_worker, ends[0], reading, writing)
        ends[1].close()
    os.close(reading)
    os.close(writing)


def test_a_request_brings_both_descriptors(
    ends: tuple[socket.socket, socket.socket], requested: Future[int]
) -> None:
    descriptors = next_request(ends[1])
    assert descriptors is not None
    stdin, stderr = descriptors
    os.write(stderr, b"through both")
    assert os.read(stdin, 99) == b"through both"
    answer(ends[1], 4321)
    assert requested.result(10) == 4321
    os.close(stdin)
    os.close(stderr)


def test_what_prevents_a_fork_is_raised_where_it_was_asked_for(
    ends: tuple[socket.socket, socket.socket], requested: Future[int]
) -> None:
    answer(ends[1], -errno.ENOMEM)
    with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)) as raised:
        requested.result(10)
    assert raised.value.errno == errno.ENOMEM


def test_a_zygote_that_ends_is_a_connection_error(
    ends: tuple[socket.socket, socket.socket], requested: Future[int]
) -> None:
    ends[1].shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionError):
        requested.result(10)


def test_a_server_that_ends_asks_for_nothing_more(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ends[0].close()
    assert next_request(ends[1]) is None
    answer(ends[1], 1)  # nobody hears it, and that is no error
