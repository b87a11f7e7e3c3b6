import Link from 'next/link'
import { Notice } from '#components/ui/notice.tsx'
import { exactTime } from '#components/ui/time.ts'
import type { MomentView } from '#lib/registry/schema/history.ts'

/** Says that a page shows the past, on every page that does, and leads back to the present. */
export function PastBanner({ moment, nowHref }: { moment: MomentView; nowHref: string }) {
  return (
    <Notice kind="warn" title={`As it was at ${exactTime(new Date(moment.at))}`} className="mb-4">
      Nothing can be changed here. When the registry last changed before that, the audit log was at event{' '}
      {moment.auditSeq}.{' '}
      <Link href={nowHref} className="underline underline-offset-2">
        Back to now
      </Link>
    </Notice>
  )
}
