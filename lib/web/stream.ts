/**
 * A body that is made piece by piece as fast as the reader takes it. The first piece is made at once, so that what is wrong from the start
 * is still answered as an error; a later failure cuts the connection, which the reader notices.
 */
export async function streamed(pieces: AsyncIterable<string> | Iterable<string>): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder()
  const iterator = (async function* () {
    yield* pieces
  })()
  let next: IteratorResult<string, unknown> | null = await iterator.next()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = next ?? (await iterator.next())
      next = null
      if (piece.done) controller.close()
      else controller.enqueue(encoder.encode(piece.value))
    },
    async cancel() {
      await iterator.return()
    },
  })
}
