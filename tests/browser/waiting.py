"""Waiting for what a page does: Playwright hears of it only while it works itself."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, Request

from tests.service import wait_until


def wait_for(page: Page, condition: Callable[[], object], seconds: float = 30, what: str = "it") -> None:
    """Wait until `condition()` is true, which may speak of events of the page's browser."""

    def is_true() -> object:
        page.wait_for_timeout(20)
        return condition()

    wait_until(is_true, seconds, what)


class Requests:
    """The requests of a browser profile whose address has `part` in it."""

    def __init__(self, context: BrowserContext, part: str) -> None:
        self.asked: list[str] = []
        self._part = part
        self._held: dict[Request, Page] = {}
        context.on("request", self._ask)
        context.on("response", lambda answer: answer.ok or self._end(answer.request))
        context.on("requestfinished", self._end)
        context.on("requestfailed", self._end)

    def _ask(self, request: Request) -> None:
        if self._part in request.url:
            self.asked.append(request.url)
            self._held[request] = request.frame.page

    def _end(self, request: Request) -> None:
        self._held.pop(request, None)

    def holders(self) -> list[Page]:
        """The pages that hold such a connection now."""
        return [page for page in self._held.values() if not page.is_closed()]
