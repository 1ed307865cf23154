/**
 * Reads a body of server-sent events, as the HTML standard defines them, until it ends.
 * @param {ReadableStream<Uint8Array>} body
 * @param {(event: {id: string, type: string, data: string}) => void} onEvent `id` is empty where the event has none
 * @returns {Promise<void>}
 */
export async function readEvents(body, onEvent) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pieces = []; // of a line whose end has not come yet: it is put together once, however many pieces it comes in
  let held = ""; // a CR at the end of what came, which may be half of a CR LF
  let fields = {};

  function take(line) {
    if (!line) {
      if (fields.data !== undefined) onEvent({ id: fields.id ?? "", type: fields.event ?? "message", data: fields.data });
      fields = {};
      return;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (name === "data" && fields.data !== undefined) fields.data += `\n${value}`;
    else fields[name] = value;
  }

  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const came = held + value;
    held = came.endsWith("\r") ? "\r" : "";
    const [first, ...others] = came.slice(0, came.length - held.length).split(/\r\n|\n|\r/);
    pieces.push(first);
    for (const next of others) {
      take(pieces.join(""));
      pieces = [next];
    }
  }
}
