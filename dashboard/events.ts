/** Server-sent events from a fetch: EventSource cannot send an Authorization header. */

/** More than this without an end of line is not our log. */
const LINE_CHARACTERS_MAX = 1_000_000;

/** Calls `each` with the data of every event, until the stream ends. Throws if it breaks. */
export async function readEvents(body: ReadableStream<Uint8Array>, each: (data: string) => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARACTERS_MAX) throw new Error('a line without end');
    for (const ended of lines) {
      const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
      if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
      if (line !== '' || data.length === 0) continue;
      // An empty line ends the event; lines of other fields, and the comments that keep the stream open, are passed over.
      each(data.join('\n'));
      data = [];
    }
  }
}
