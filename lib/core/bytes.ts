const mib = 1024 * 1024

/** A size in words: in MiB where it is a whole number of them, as limits mostly are, else in bytes. */
export function bytesText(bytes: number): string {
  return bytes > 0 && bytes % mib === 0 ? `${bytes / mib} MiB` : `${bytes} bytes`
}
