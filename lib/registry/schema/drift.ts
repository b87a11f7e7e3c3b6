/** How far an agent's template version is behind the newest: the first part in which they differ. */
export const drifts = ['none', 'major', 'minor', 'patch'] as const
export type Drift = (typeof drifts)[number]
