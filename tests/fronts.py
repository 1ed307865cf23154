"""nginx and Caddy before Pushpin, configured as docs/operating.md says, without TLS."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.service import ROOT, free_port, kill_session, wait_until

NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""
CADDY = """
{{
    admin off
    auto_https off
    storage file_system {folder}
}}
http://127.0.0.1:{port} {{
    bind 127.0.0.1
{documented}
"""


def documented(language: str) -> str:
    """The first example of docs/operating.md in this language ("" for Caddy's)."""
    text = (ROOT / "docs" / "operating.md").read_text()
    marker = {"nginx": "```nginx\n", "caddy": "Caddy:\n\n```\n"}[language]
    return text.split(marker, 1)[1].split("```", 1)[0]


class Front:
    """A server before the Pushpin of a service, on a port of its own."""

    def __init__(self, kind: str, upstream: int) -> None:
        self.kind = kind
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"corkboard-{kind}-"))
        text = documented(kind).replace("127.0.0.1:7999", f"127.0.0.1:{upstream}")
        if kind == "nginx":
            text = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{self.port};", text)
            text = re.sub(r"(?m)^ *(http2 on|ssl_\w+ .*|server_name .*);\n", "", text)
            self._config = NGINX.format(folder=self.folder, documented=text)
            self._command = ["nginx", "-c", str(self.folder / "config"), "-p", str(self.folder)]
        else:
            self._config = CADDY.format(folder=self.folder, port=self.port, documented=text.partition("{\n")[2])
            self._command = ["caddy", "run", "--config", str(self.folder / "config"), "--adapter", "caddyfile"]

    def __enter__(self) -> Self:
        (self.folder / "config").write_text(self._config)
        self._output = (self.folder / "output").open("wb")
        environment = {"HOME": str(self.folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self._process = subprocess.Popen(
            self._command,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=environment,
            start_new_session=True,
        )
        try:
            wait_until(self._listens, 20, f"{self.kind} on its port")
        except AssertionError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kill_session(self._process.pid)  # Caddy would wait for open streams, and nginx's workers outlive their master
        self._process.wait(10)
        self._output.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self) -> bool:
        assert self._process.poll() is None, (self.folder / "output").read_text()
        return f":{self.port:04X} " in Path("/proc/net/tcp").read_text()
