import { gzipSync } from 'node:zlib'

/** A file, or with `linkTo` a symbolic link. */
export type ArchiveEntry = { path: string; content?: string; linkTo?: string }

const block = 512

/** An archive as a registry would have it if somebody had written it by hand: paths and links may say anything. */
export function archiveOf(entries: readonly ArchiveEntry[]): Buffer {
  return gzipSync(Buffer.concat([...entries.flatMap((entry) => blocksOf(entry)), Buffer.alloc(2 * block)]))
}

/** POSIX ustar: a header of 512 bytes, and the content filled up to whole blocks. */
function blocksOf({ path, content = '', linkTo }: ArchiveEntry): Buffer[] {
  const body = Buffer.from(linkTo === undefined ? content : '')
  const header = Buffer.alloc(block)
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`
  header.write(path, 0, 100)
  header.write(octal(0o755, 8), 100)
  header.write(octal(0, 8), 108)
  header.write(octal(0, 8), 116)
  header.write(octal(body.length, 12), 124)
  header.write(octal(0, 12), 136)
  header.write(' '.repeat(8), 148)
  header.write(linkTo === undefined ? '0' : '2', 156)
  header.write(linkTo ?? '', 157, 100)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(octal(sum, 7), 148)
  return [header, Buffer.concat([body, Buffer.alloc((block - (body.length % block)) % block)])]
}
