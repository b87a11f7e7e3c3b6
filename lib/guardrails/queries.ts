export { loadPolicySet, openPolicySet, policySchema, readPolicySource } from './queries/policy-source.ts'
