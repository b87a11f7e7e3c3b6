import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { z } from 'zod'

/** A JSON file that is replaced as a whole: after a crash it holds the old or the new content, never a part. */
export type JsonStore<T> = {
  read(): Promise<T>
  /** Changes take turns. What `change` throws leaves the file as it was. */
  update<R>(change: (content: T) => R): Promise<R>
}

/** @param schema must give the initial content for an empty object, which stands for a file that does not exist yet */
export function createJsonStore<S extends z.ZodType>(file: string, schema: S): JsonStore<z.output<S>> {
  let turn: Promise<unknown> = Promise.resolve()

  async function read(): Promise<z.output<S>> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}'
      throw error
    })
    return schema.parse(JSON.parse(text))
  }

  return {
    read,
    update(change) {
      const mine = turn.then(async () => {
        const content = await read()
        const outcome = change(content)
        await replaceFile(file, `${JSON.stringify(content, null, 1)}\n`)
        return outcome
      })
      turn = mine.catch(() => undefined)
      return mine
    },
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
}
