// Without zod, because every page of the portal loads it.

/** The one target of an organization-wide order. */
export const organizationTarget = 'organization'
