import Link from 'next/link'
import { Notice } from '#components/ui/notice.tsx'
import { exactTime } from '#components/ui/time.ts'
import type { MomentView } from '#lib/registry/schema/history.ts'

/** Says that a page shows the past, on every page that does, and leads back to the present. */
export function PastBanner({ moment, nowHref }: { moment: MomentView; nowHref: string }) {
  return (
    <Notice kind="warn" title={`As it was at ${exactTime(new Date(moment.at))}`} className="mb-4">
      Nothing can be changed here. When the registry last changed before that, the audit log was at event{' '}
      {moment.auditSeq}. {policiesThen(moment)}{' '}
      <Link href={nowHref} className="underline underline-offset-2">
        Back to now
      </Link>
    </Notice>
  )
}

function policiesThen({ policySet }: MomentView): string {
  if (!policySet)
    return 'Which central policies were enforced then is not on record, so what was within reach is not known.'
  if (!policySet.known)
    return `Policy set ${policySet.number} was enforced; what it kept out of reach is not known any more.`
  return `Policy set ${policySet.number} was enforced.`
}
