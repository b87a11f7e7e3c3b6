import { Eye } from 'lucide-react'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { paths } from '#lib/core/paths.ts'

/** In the header of every page while a policy set judges live calls without deciding them. */
export function LogOnlyBadge({ number }: { number: number }) {
  return (
    <Link
      href={paths.policySet(number)}
      className="hidden rounded-sm sm:block"
      title="It decides nothing: what it would have decided otherwise is recorded"
    >
      <Badge tone="warn">
        <Eye aria-hidden /> Policy set {number} is log-only
      </Badge>
    </Link>
  )
}
