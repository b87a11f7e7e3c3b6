export { listInbox } from './queries/inbox.ts'
export { listNotificationDeliveries } from './queries/deliveries.ts'
export { channelRevision, getChannel, getNotificationSettings, listChannels } from './queries/settings.ts'
