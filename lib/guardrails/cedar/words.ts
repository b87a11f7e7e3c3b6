import type { PolicyWords } from '../schema/policy-sets.ts'

const ids = { permit: /^permit_[a-z0-9]+(?:_[a-z0-9]+)*$/, forbid: /^policy_[a-z0-9]+(?:_[a-z0-9]+)*$/ }
/** Rules of the platform itself. */
const reserved = new Set(['policy_error', 'policy_default_deny'])
const idMax = 80
const textMax = 400

/** What is missing beside the code of a policy; a policy that refuses must say in plain words what it refuses and what to do then. */
export function annotationProblems(
  { id, effect, title, explanation, remedy }: PolicyWords,
  seen: ReadonlySet<string>,
): { message: string; help: string }[] {
  const found: { message: string; help: string }[] = []
  const example = effect === 'forbid' ? '@id("policy_no_changes_at_night")' : '@id("permit_granted")'
  if (id === '') found.push({ message: 'The policy has no @id.', help: `Write one before it, for example ${example}.` })
  else if (!ids[effect].test(id) || id.length > idMax || reserved.has(id)) {
    const prefix = effect === 'forbid' ? 'policy_' : 'permit_'
    const help = `What ${effect}s is named ${prefix}… in lower case, at most ${idMax} characters: ${example}.`
    found.push({ message: `The @id ${id} cannot be one of a policy that ${effect}s.`, help })
  } else if (seen.has(id)) found.push({ message: `Two policies have the @id ${id}.`, help: 'Rename one of them.' })
  const texts = { title, explanation, ...(effect === 'forbid' ? { remedy } : {}) }
  for (const [name, text] of Object.entries(texts)) {
    if (text.trim() === '') found.push({ message: `The policy has no @${name}.`, help: helps[name]! })
    else if (text.length > textMax)
      found.push({ message: `Its @${name} is longer than ${textMax} characters.`, help: 'Say it shorter.' })
  }
  return found
}

const helps: Record<string, string> = {
  title: 'Say in a few plain words what holds: @title("No changes at night").',
  explanation: 'Say in a sentence what it does: @explanation("Nothing on production is changed from 20 to 6 h UTC.").',
  remedy: 'Say what somebody who is refused can do: @remedy("Try again in the morning.").',
}
