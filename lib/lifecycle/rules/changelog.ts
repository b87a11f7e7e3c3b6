/** What a changelog says of one version: the text under its heading (`## 1.4.0`, also with a date behind it); empty when it has none. */
export function changesOf(changelog: string, version: string): string {
  const lines = changelog.split(/\r?\n/)
  const from = lines.findIndex((line) => isHeadingOf(line, version))
  if (from === -1) return ''
  const length = lines.slice(from + 1).findIndex((line) => line.startsWith('## '))
  return lines
    .slice(from + 1, length === -1 ? undefined : from + 1 + length)
    .join('\n')
    .trim()
}

function isHeadingOf(line: string, version: string): boolean {
  const [mark, named] = line.split(/\s+/)
  return mark === '##' && named?.replaceAll(/[[\]v]/g, '') === version
}
