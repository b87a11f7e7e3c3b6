import type { ReactNode } from 'react'
import { PageHeader } from '#components/ui/page-header.tsx'
import { TabLinks } from '#components/ui/tab-links.client.tsx'
import { paths } from '#lib/core/paths.ts'

const tabs = [
  { href: paths.approvals(), label: 'Waiting' },
  { href: paths.approvals('rules'), label: 'Rules' },
  { href: paths.approvals('insight'), label: 'Insight' },
]

export default function ApprovalsLayout({ children }: { children: ReactNode }) {
  return (
    <>
      <PageHeader
        title="Approvals"
        description="Calls that wait for a person. What is approved is carried out once, exactly as it stands here."
      />
      <TabLinks label="Parts of approvals" tabs={tabs} />
      {children}
    </>
  )
}
