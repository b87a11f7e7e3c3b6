export { driftOf } from '../fleet/drift.ts'
