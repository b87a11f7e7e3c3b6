import { sourceFiles } from '#lib/dev/source-files.ts'

/** Every server action of the pages, as `app/(portal)/kill/actions.ts releaseAction`. */
export function serverActions(): string[] {
  return sourceFiles(['app', 'components']).flatMap(({ path, text }) =>
    [...text.matchAll(/^export const (\w+) = portalAction\(/gm)].map((match) => `${path} ${match[1]}`),
  )
}
