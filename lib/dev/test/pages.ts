import { exampleAgent, exampleId } from '#lib/api/routes/params.ts'
import { sourceFiles } from '#lib/dev/source-files.ts'
import { startTextReplay } from '#lib/guardrails/commands.ts'
import { ctxFor } from './fleet.ts'
import { enforcePolicies, permitsGranted } from './policy-sets.ts'

export type Page = (props: { params: Promise<object>; searchParams: Promise<object> }) => Promise<unknown>

/** Every page but the one that says of any other address that it names nothing. */
export const pages = sourceFiles(['app/(portal)']).flatMap(({ path }) =>
  path.endsWith('/page.tsx') && !path.includes('[...missing]') ? [{ path, address: addressOf(path) }] : [],
)

/** What stands for the dynamic segments of each address that has any: something that exists. */
export type Subjects = Record<string, Record<string, string>>

export async function makeSubjects(db: Parameters<typeof enforcePolicies>[0]): Promise<Subjects> {
  const set = await db.policySet.findFirst({ select: { number: true } })
  const { number } = set ?? (await enforcePolicies(db, [permitsGranted]))
  const known = await db.policyReplay.findFirst({ select: { id: true } })
  const replay = known?.id ?? (await startTextReplay(ctxFor(db), { text: permitsGranted, since: '1h' })).replayId
  const campaign = { title: 'Autumn', days: 90, atEnd: 'keep', startedById: exampleId.id, dueAt: new Date() } as const
  await db.reviewCampaign.createMany({ data: [{ id: exampleId.id, ...campaign }], skipDuplicates: true })
  const agents = [
    '',
    '/activity',
    '/audit',
    '/connections',
    '/cost',
    '/history',
    '/runs',
    '/scopes',
    '/versions',
    '/creation',
    '/past',
  ]
  return {
    ...Object.fromEntries(agents.map((tab) => [`/agents/[id]${tab}`, exampleAgent])),
    '/guardrails/[number]': { number: String(number) },
    '/guardrails/[number]/calls': { number: String(number) },
    '/guardrails/replays/[id]': { id: replay },
    '/requests/[id]': exampleId,
    '/reviews/[id]': exampleId,
    '/rules/[id]': { id: 'grant_missing' },
    '/runs/[id]': exampleId,
    '/servers/[id]': { id: 'erp' },
    '/servers/[id]/tools/[tool]': { id: 'erp', tool: 'get_purchase_order' },
    '/settings/api/[operation]': { operation: 'agents.show' },
    '/settings/webhooks/[id]': exampleId,
    '/templates/[id]': { id: 'invoice-reconciler' },
  }
}

/** As people have it in the browser: `app/(portal)/agents/[id]/(tabs)/cost/page.tsx` is `/agents/[id]/cost`. */
function addressOf(path: string): string {
  return (
    path
      .replace('app', '')
      .replaceAll(/\/\([^)]*\)/g, '')
      .replace(/\/page\.tsx$/, '') || '/'
  )
}
