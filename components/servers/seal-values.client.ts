'use client'

import { setCredential } from '#app/(portal)/servers/[id]/actions.ts'

/** Sets what the variables of a program are set to as its server's credential, if anything is said of them; whether nothing is left to do. */
export async function sealValues(serverId: string, secret: string | null): Promise<boolean> {
  if (secret === null) return true
  const outcome = await setCredential({ serverId, kind: 'bearer', secret }).catch(() => null)
  return outcome?.ok === true
}
