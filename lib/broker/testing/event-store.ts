import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server'

/** The events of one session in the order they were sent; an id is `{stream}_{number}`. */
export function memoryOfEvents(): EventStore {
  const events: { id: string; streamId: string; message: JSONRPCMessage }[] = []
  return {
    storeEvent(streamId, message) {
      const id = `${streamId}_${events.length}`
      events.push({ id, streamId, message })
      return Promise.resolve(id)
    },
    getStreamIdForEventId: (id) => Promise.resolve(events.find((event) => event.id === id)?.streamId),
    async replayEventsAfter(lastId, { send }) {
      const from = events.findIndex((event) => event.id === lastId)
      const streamId = events[from]?.streamId ?? ''
      for (const event of events.slice(from + 1)) if (event.streamId === streamId) await send(event.id, event.message)
      return streamId
    },
  }
}
