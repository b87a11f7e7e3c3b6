/**
 * Imported into a broker (`--import`, with `--expose-gc`) whose memory is looked at: a busy machine puts off collecting garbage, here it is
 * collected as soon as there is some, and what is left is held.
 */
const garbageBytesMax = 8 * 1024 * 1024

let before = process.memoryUsage.rss()

setInterval(() => {
  const now = process.memoryUsage.rss()
  if (now - before > garbageBytesMax) {
    globalThis.gc?.()
    before = process.memoryUsage.rss()
  } else before = Math.min(before, now)
}, 20).unref()
