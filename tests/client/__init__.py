"""The tests' one client of the events endpoint: follows rooms by any transport, as docs/protocol.md asks of a client.

`tests.readers` runs it in the background of a test, `tests.chaos` runs sixty of them in a fault run. Only
`tests.swarm`, for hundreds of streams in one thread, is another.
"""

from tests.client.events import Event, own
from tests.client.follower import Follower, Habits
from tests.client.longpoll import LongPoll
from tests.client.socket import Socket
from tests.client.stream import Stream

__all__ = ["TRANSPORTS", "Event", "Follower", "Habits", "own"]
TRANSPORTS = {transport.name: transport for transport in (Stream, LongPoll, Socket)}
