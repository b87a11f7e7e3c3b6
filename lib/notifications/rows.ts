/** A channel as the subject of an audit event; its address is a secret, the host of it is not. */
export function aboutChannel({ id, name, teamId }: { id: string; name: string; teamId: string | null }) {
  return { subject: { kind: 'notification_channel', id, name }, ...(teamId === null ? {} : { teamId }) }
}
