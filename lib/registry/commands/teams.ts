import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { CreateTeamInput } from '../schema.ts'

/** Registers a team. Needs `teams:manage`; throws `conflict` when the id is taken. */
export async function createTeam(ctx: Ctx, input: CreateTeamInput): Promise<void> {
  authorize(ctx, 'teams:manage')
  await inTx(ctx, async (tx, ctx) => {
    const { count } = await tx.team.createMany({ data: [{ ...input, createdAt: ctx.now }], skipDuplicates: true })
    if (count === 0) {
      throw new DomainError('conflict', `There is a team ${input.id} already.`, {
        field: 'id',
        rule: 'registry:id_taken',
      })
    }
    recordAudit(tx, ctx, {
      event: 'team.created',
      subject: { kind: 'team', id: input.id, name: input.name },
      teamId: input.id,
      detail: { costCenter: input.costCenter },
    })
  })
}
