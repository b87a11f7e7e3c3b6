import { Prisma } from '#lib/db/generated/client.ts'
import type { HeldCall } from '#lib/db/generated/client.ts'

type Column = Prisma.HeldCallScalarFieldEnum
export type HeldMutation = { column: Column; value: unknown }

/** Another value for every column of a held call, whatever it has; a new column does not compile without one. `others` exist and are not those of the row. */
export function heldMutations(
  row: HeldCall,
  others: { agentId: string; serverId: string; personId: string },
): HeldMutation[] {
  const table: Record<Column, readonly unknown[]> = {
    id: [crypto.randomUUID()],
    source: [row.source === 'broker' ? 'claude' : 'broker'],
    digest: ['0'.repeat(64)],
    agentId: [others.agentId],
    agentVersion: [row.agentVersion + 1],
    runId: [crypto.randomUUID(), ...(row.runId === null ? [] : [null])],
    session: ['0'.repeat(64), ...(row.session === null ? [] : [null])],
    startedById: [others.personId, ...(row.startedById === null ? [] : [null])],
    drivenById: [others.personId, ...(row.drivenById === null ? [] : [null])],
    drivenBySubject: ['https://other.example|ada', ...(row.drivenBySubject === null ? [] : [null])],
    serverId: [others.serverId, null],
    tool: ['wipe'],
    class: (['read', 'write', 'destructive', null] as const).filter((value) => value !== row.class),
    definitionHash: ['other'],
    policyVersion: ['other'],
    arguments: [{ word: 'other' }, {}],
    inputResponses: [{ name: { action: 'accept' } }],
    editedArguments: [{ word: 'other' }, ...(row.editedArguments === null ? [] : [Prisma.DbNull])],
    ruleId: [crypto.randomUUID()],
    ruleTitle: ['Something else'],
    deciderRoles: [[...row.deciderRoles, 'builder'], []],
    excludedDeciders: [[...row.excludedDeciders, 'own_team'], ...(row.excludedDeciders.length > 0 ? [[]] : [])],
    onTimeout: [row.onTimeout === 'allow' ? 'deny' : 'allow'],
    hold: ['0'.repeat(64), null],
    state: (['approved', 'edited', 'rejected', 'expired', 'cancelled'] as const).filter((state) => state !== row.state),
    createdAt: [new Date(row.createdAt.getTime() - 1)],
    expiresAt: [new Date(row.expiresAt.getTime() + 1), new Date(row.expiresAt.getTime() + 99_000_000)],
    seenAt: [new Date(row.seenAt.getTime() + 1)],
    decidedById: [others.personId, ...(row.decidedById === null ? [] : [null])],
    decidedForId: [others.personId, ...(row.decidedForId === null ? [] : [null])],
    decidedAt: [new Date((row.decidedAt ?? row.createdAt).getTime() + 1)],
    note: ['other'],
    approval: ['0'.repeat(64), ...(row.approval === null ? [] : [null])],
    settledAt: [row.createdAt],
    settledBy: ['somebody'],
  }
  return (Object.entries(table) as [Column, readonly unknown[]][]).flatMap(([column, values]) =>
    values.map((value) => ({ column, value })),
  )
}
