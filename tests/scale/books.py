"""What was posted, and so what every reader must have: the other side of the swarm's books."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tests.service import Service


class Books:
    """Posts straight to gunicorn, so that Pushpin may be away, and again under the same key until it is taken."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.texts: dict[str, list[str]] = {}  # by room, in the order of their ids
        self._posts = 0

    def say(self, room: str, text: str = "") -> float:
        """Post one message; when it was answered, as time.monotonic()."""
        self._posts += 1
        text = text or f"{room} {self._posts}"
        self._post(room, text, f"{room}-{self._posts}")
        self.texts.setdefault(room, []).append(text)
        return time.monotonic()

    def say_many(self, room: str, texts: list[str], at_once: int = 8) -> float:
        """Post messages in parallel; when the last one was answered."""
        with ThreadPoolExecutor(at_once) as pool:
            ids = list(pool.map(lambda text: self._post(room, text, text[:100]), texts))
        done = time.monotonic()
        self.texts.setdefault(room, []).extend(text for _, text in sorted(zip(ids, texts, strict=True)))
        return done

    def _post(self, room: str, text: str, key: str) -> int:
        for _ in range(600):
            with suppress(OSError):
                answer = self.service.post(room, text, key=key, base=self.service.web_url)
                if answer.status in (200, 201):
                    return int(answer.json()["id"])
                assert answer.status >= 500, answer.body
            time.sleep(0.05)
        raise AssertionError(f"the post {key} was never taken")


class AccessLog:
    """Counts requests to Django by gunicorn's own log (WEB_ACCESS_LOG)."""

    def __init__(self, service: Service) -> None:
        self._file = service.folder / "gunicorn.out"
        self._mark = self._file.stat().st_size

    def count(self, *prefixes: str) -> int:
        """How many requests came since this counter was made, of paths with one of the prefixes (or all)."""
        with self._file.open("rb") as log:
            log.seek(self._mark)
            paths = [line.split(b" ", 2)[1].decode() for line in log if line.startswith(b"GET /")]
        return sum(path.startswith(prefixes or "/") for path in paths)
