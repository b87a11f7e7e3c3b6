import { Notice } from './notice.tsx'

/** Above the first part of a list, in the place of the part that a damaged link asked for. */
export function LostPlace({ lost }: { lost: boolean }) {
  if (!lost) return null
  return (
    <Notice kind="warn" className="mb-3">
      The link to this part of the list is damaged. This is its first part.
    </Notice>
  )
}
