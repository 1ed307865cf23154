"""What tests on real parts share: a console beside the service, and a private room with people in it."""

import pytest

from tests.console import Console
from tests.den import Den
from tests.service import Service


@pytest.fixture
def console(service: Service) -> Console:
    """For all that people with power do here."""
    return service.console


@pytest.fixture
def den(service: Service, console: Console, room: str) -> Den:
    """A private room of Alice's, with Bob and Cleo."""
    return Den(service, console, room)
