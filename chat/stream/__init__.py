"""The events endpoint: one URL, one resume token, three transports.

endpoint   who asks for which rooms, from where, by which transport; refusals
feeds      rooms and positions: what a token says, what comes after it, what the next token is
sse        server-sent events, and the recovery link that Pushpin follows
longpoll   JSON batches, held until something comes
websocket  commands and event frames, by WebSocket-over-HTTP
presence   the hold by which a person is present
"""
