import { err, ok, type Result } from '#lib/core/result.ts'
import type { OrderRefusal, ReleaseRefusal, WithdrawalRefusal } from '#lib/killswitch/schema.ts'

/** A refusal as the API tells it: its facts, a sentence for people and the rule. */
type Told<E> = E & { message: string; rule: string }

/** Gives refusals that carry only a reason a sentence; successes pass. */
export function tellRefusal<T, E extends object>(
  outcome: Result<T, E>,
  told: (refusal: E) => { message: string; rule: string },
): Result<T, Told<E>> {
  return outcome.ok ? ok(outcome.value) : err({ ...outcome.error, ...told(outcome.error) })
}

export function alreadyStopped({ orderedBy, orderedAt, orderId }: OrderRefusal) {
  const message = `${orderedBy} has stopped this already, at ${orderedAt} (order ${orderId}).`
  return { message, rule: 'stop:already_ordered' }
}

export function notReleased(refusal: ReleaseRefusal) {
  if (refusal.reason === 'second_person_needed') {
    const message = `You asked for it at ${refusal.askedAt}. Somebody else has to confirm it until ${refusal.until}.`
    return { message, rule: 'stop:second_person_needed' }
  }
  const { releasedBy, releasedAt } = refusal
  return { message: `${releasedBy} has released this order already, at ${releasedAt}.`, rule: 'stop:already_released' }
}

export function notWithdrawn(refusal: WithdrawalRefusal) {
  if (refusal.reason === 'release_not_asked') {
    return { message: 'Nobody asks to resume it, or not any more.', rule: 'stop:release_not_asked' }
  }
  return { message: `${refusal.askedBy} asked to resume it, and takes that back.`, rule: 'stop:not_your_wish' }
}

export function runNotOpen({ state }: { state: string }) {
  const message = state === 'stopping' ? 'The run is being stopped already.' : `The run has ended already: ${state}.`
  return { message, rule: 'run:not_open' }
}

export function nothingFailed() {
  return { message: 'No step of its creation has failed.', rule: 'creation:nothing_failed' }
}
