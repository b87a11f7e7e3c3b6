export { loadPolicySet, openPolicySet, readPolicySource } from './queries/policy-source.ts'
