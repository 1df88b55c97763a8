# SPDX-License-Identifier: GPL-3.0-or-later
"""Serving: uvicorn in the main thread, the runner's work in others, and an orderly end on SIGTERM."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import ssl
from typing import TYPE_CHECKING

import uvicorn

from breakglass.allocator import keep_from_growing
from breakglass.errors import BreakglassError
from breakglass.systemd import STOPPING, Systemd
from breakglass.web.app import make_app
from breakglass.web.peers import PeerProtocol
from breakglass.web.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from breakglass.runner import Runner
    from breakglass.settings import Settings

SLOWEST_REQUEST_SECONDS = 10
LARGEST_MESSAGE = 131_072


class UnusableAddress(BreakglassError):
    """Raised when the runner can't listen where the settings say."""


def serve(runner: Runner, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return.

    Args:
        runner: Made from the settings, not yet started.
        announce: Told the address once webhooks are taken.

    Raises:
        UnusableAddress: The address is taken or not ours.
    """
    keep_from_growing()
    settings = runner.settings
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.tls else "http"
    systemd = Systemd.from_environment(os.environ)
    watchdog = Watchdog(systemd, runner, lambda: server.started)
    config = uvicorn.Config(
        make_app(runner, watchdog.lifespan if systemd.listens else None, lambda: server.should_exit),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SLOWEST_REQUEST_SECONDS,
        timeout_keep_alive=SLOWEST_REQUEST_SECONDS,
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        ssl_certfile=str(settings.tls.certificate) if settings.tls else None,
        ssl_keyfile=str(settings.tls.key) if settings.tls else None,
        ssl_ca_certs=str(settings.tls.client_ca) if settings.tls and settings.tls.client_ca else None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if settings.tls and settings.tls.client_ca else ssl.CERT_NONE,
        http=PeerProtocol,
    )
    server = uvicorn.Server(config)
    _end_on_signals(server)
    signal.signal(signal.SIGHUP, lambda _number, _frame: runner.reloading.ask())
    faulthandler.enable()  # systemd ends a runner that hangs by SIGABRT: its log then says where each thread was
    try:
        runner.start()
        announce(f"{scheme}://{host}:{port}")
        server.run(sockets=[listener])
    finally:
        systemd.tell(STOPPING)  # from now on systemd waits for as long as a stop may take, and for no sign of life
        runner.stop()
        listener.close()


def _end_on_signals(server: uvicorn.Server) -> None:
    """Let a signal end the server and nothing else.

    uvicorn has handlers of its own while it serves, and afterwards raises the signal again for the one that was there
    before: with the default one the process would be gone before it has drained.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UnusableAddress(
            f"The runner can't listen on {host}:{port}: {error.strerror}. Change `listen` in the settings, or end what "
            "listens there."
        ) from error
    listener.listen(512)
    return listener
