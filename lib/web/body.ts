import { DomainError } from '#lib/core/errors.ts'
import { jsonFault } from '#lib/core/json-fault.ts'
import { parseJson } from '#lib/core/parse-json.ts'

/** Reads a body of at most `bytesMax` bytes as UTF-8 text, whatever its declared length says. */
export async function readText(request: Request, bytesMax: number): Promise<string> {
  const tooLarge = () => new DomainError('invalid', `The body is larger than ${bytesMax} bytes.`, { rule: 'body-size' })
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) throw tooLarge()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let size = 0
  let text = ''
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.byteLength
      if (size > bytesMax) throw tooLarge()
      text += decoder.decode(chunk, { stream: true })
    }
    return text + decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) throw new DomainError('invalid', 'The body is not UTF-8 text.')
    throw error
  }
}

export async function readJson(request: Request, bytesMax: number): Promise<unknown> {
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new DomainError('invalid', 'Send the body as application/json.')
  }
  const text = await readText(request, bytesMax)
  try {
    return parseJson(text)
  } catch {
    const fault = jsonFault(text)
    const { line, column, message } = fault ?? { line: 1, column: 1, message: 'It is nested too deeply.' }
    throw new DomainError('invalid', `The body is not valid JSON: line ${line}, column ${column}: ${message}`, {
      problems: [{ line, column, message }],
    })
  }
}
