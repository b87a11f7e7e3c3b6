import { DomainError } from '#lib/core/errors.ts'

export function policySetNotFound(number: number): DomainError {
  return new DomainError('not_found', `There is no policy set ${number}.`)
}
