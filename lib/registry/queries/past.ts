// How modules above read the registry as it was.
export { asTheyWere, instantOf } from '../history/past.ts'
