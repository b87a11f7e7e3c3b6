/** What somebody else answers is longer than anybody reads. */
export class ResponseTooLong extends Error {
  override readonly name = 'ResponseTooLong'
  readonly bytesMax: number

  constructor(bytesMax: number) {
    super(`The answer is longer than ${bytesMax} bytes.`)
    this.bytesMax = bytesMax
  }
}

/** The same response, whose body breaks off with `ResponseTooLong` after so many bytes (as they are once they are unpacked) and lets its connection go. */
export function boundedResponse(response: Response, bytesMax: number, onTooLong?: () => void): Response {
  const { body, status, statusText, headers, url } = response
  if (body === null) return response
  let size = 0
  const counting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      size += chunk.length
      if (size <= bytesMax) return controller.enqueue(chunk)
      onTooLong?.()
      controller.error(new ResponseTooLong(bytesMax))
    },
  })
  const bounded = new Response(body.pipeThrough(counting), { status, statusText, headers })
  return Object.defineProperty(bounded, 'url', { value: url })
}
