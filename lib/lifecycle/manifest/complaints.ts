import { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import type { ManifestProblem, Problem } from '../schema.ts'
import type { ManifestFields } from './document.ts'
import type { ParsedManifest } from './parse.ts'

/** Collects what is wrong with one manifest, each at the line of the key it is about. */
export class Complaints {
  readonly problems: ManifestProblem[] = []
  readonly #manifest: ParsedManifest

  constructor(manifest: ParsedManifest) {
    this.#manifest = manifest
  }

  get any(): boolean {
    return this.problems.length > 0
  }

  /** `null`: about the manifest as a whole. */
  add(key: keyof ManifestFields | null, message: string): void {
    const { id, at, places } = this.#manifest
    this.problems.push({ ...((key && places[key]) ?? at), id, message })
  }

  /** Runs a command; a refusal becomes a complaint and `false`. A missing permission of the actor is no matter of the manifest and passes. */
  async catching(work: () => Promise<unknown>, key: keyof ManifestFields | null = null): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (error instanceof z.ZodError) {
        for (const { path, message } of error.issues) this.add(keyOf(path.map(String).join('.')) ?? key, message)
        return false
      }
      if (!(error instanceof DomainError) || String(error.details['rule']).startsWith('permission:')) throw error
      const { field, problems } = error.details as { field?: string; problems?: Problem[] }
      for (const problem of problems ?? [{ field: field ?? '', message: error.message }]) {
        this.add(keyOf(problem.field) ?? key, problem.message)
      }
      return false
    }
  }
}

/** The person with this address, who has to be able to sign in; a complaint and null otherwise. */
export async function personByEmail(
  ctx: Ctx & { tx: Tx },
  { email, complaints }: { email: string; complaints: Complaints },
): Promise<string | null> {
  const person = await ctx.tx.person.findUnique({ where: { email }, select: { id: true } })
  if (!person) complaints.add('accountable', `There is no person with the address ${email}.`)
  return person?.id ?? null
}

/** Which key of a manifest a field of a command's input comes from. */
const sources: readonly [prefix: string, key: keyof ManifestFields][] = [
  ['ownerTeamId', 'owner'],
  ['accountablePersonId', 'accountable'],
  ['layer.prompt', 'prompt'],
  ['layer.parameters', 'parameters'],
  ['parameters', 'parameters'],
  ['template', 'template'],
  ['scopes', 'scopes'],
  ['schedule', 'schedule'],
  ['monthlyBudgetMicros', 'monthlyBudgetMicros'],
  ['name', 'name'],
  ['purpose', 'purpose'],
  ['tier', 'tier'],
  ['id', 'id'],
]

function keyOf(field: string): keyof ManifestFields | null {
  return sources.find(([prefix]) => field.startsWith(prefix))?.[1] ?? null
}
