/** Server-sent events from a fetch: EventSource cannot send an Authorization header. */

/** More than this without an end of line is not our log. */
const LINE_CHARACTERS_MAX = 1_000_000;

/** Calls `each` with the data and the name of every event (`message`, if it has none), until the stream ends. Throws if it breaks. */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  each: (data: string, name: string) => void,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  let name = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARACTERS_MAX) throw new Error('a line without end');
    for (const ended of lines) {
      const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
      if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
      if (line.startsWith('event:')) name = line.slice(6).trim();
      // An empty line ends the event; lines of other fields, and the comments that keep the stream open, are passed over.
      if (line !== '') continue;
      if (data.length > 0) each(data.join('\n'), name || 'message');
      data = [];
      name = '';
    }
  }
}
