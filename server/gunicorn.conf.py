"""How gunicorn serves Django: threads, since a view waits for the database and never for a reader or a slow client."""

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h

bind = f"{os.environ.get('WEB_BIND', '127.0.0.1')}:{os.environ.get('WEB_PORT', '8000')}"
worker_class = "server.worker.Worker"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# A thousand readers who come back at once wait in the kernel's line instead of being refused.
backlog = 2048
# Each connection serves one request: see server/worker.py.
keepalive = 0
# The worker gathers answers, of files too, and sends them itself: nothing goes from a file to a socket.
sendfile = False
# Nothing that a client can send through Pushpin changes what gunicorn tells Django: neither a header SCRIPT_NAME nor
# X-Forwarded-Proto, which Django looks at itself.
forwarded_allow_ips = ""
forwarder_headers = ""
# A stream of fifty rooms has them all in its address; the default of 4,094 bytes would refuse it.
limit_request_line = 8190
# No view takes long. A worker that is silent for so many seconds is stuck and replaced, and a restart waits no longer
# than this for requests under way.
timeout = 30
graceful_timeout = 10
# Where workers show that they live: in memory, since a slow disk would look like a stuck worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# Nothing of ours talks to it, and by default it lies in the home folder, shared by all instances.
control_socket_disable = True
# For tests and for a look under the hood: what Pushpin's recovery requests ask.
accesslog = "-" if os.environ.get("WEB_ACCESS_LOG") else None
logger_class = "server.accesslog.AccessLog"
access_log_format = "%(r)s %({grip-last}i)s %(s)s %(B)s"

# Bytes that the kernel takes at once, however slowly the peer reads: more than an answer that carries events has. A
# worker killed between two writes would leave a header without its body, and Pushpin 1.36 takes such an answer to its
# recovery request as whole: it goes on from the positions in the header, and the events in the body are lost.
SEND_BUFFER = 200_000


def when_ready(server: Any) -> None:
    """Give the sockets room for a whole answer."""
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker end with its master, even when that is killed with -9 (Linux).

    By itself it would finish in its own time, up to graceful_timeout, and hold the port: the new master could not
    listen for 10 s.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
