import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SupervisorLink } from '../supervised.ts'
import { encodeFrame, type Frame, FrameReader, frameTypes, payloadBytesMax } from './wire.ts'

describe('frames', () => {
  test('arrive whole and in order however the stream is cut', () => {
    const frame = fc.record({ channel: fc.nat(0xffffffff), payload: fc.uint8Array({ maxLength: 300 }) })
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
        const received: Frame[] = []
        const reader = new FrameReader((each) => received.push({ ...each, payload: Buffer.from(each.payload) }))
        const stream = Buffer.concat(
          frames.map(({ channel, payload }) => encodeFrame(frameTypes.stdout, channel, payload)),
        )
        let at = 0
        for (const cut of cuts) {
          reader.push(stream.subarray(at, at + cut))
          at += cut
        }
        reader.push(stream.subarray(at))
        expect(received.map(({ channel, payload }) => [channel, payload])).toEqual(
          frames.map(({ channel, payload }) => [channel, Buffer.from(payload)]),
        )
      }),
    )
  })

  test('that claim to be huge are not waited for', () => {
    const head = Buffer.alloc(9)
    head.writeUInt32BE(payloadBytesMax + 1)
    expect(() => new FrameReader(() => {}).push(head)).toThrow(RangeError)
  })
})

describe('a supervisor that was taken over', () => {
  function newLink() {
    const output = new PassThrough()
    const broken: Error[] = []
    const link = new SupervisorLink({ input: new PassThrough(), output, onBroken: (error) => broken.push(error) })
    return { link, output, broken }
  }
  const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

  test('cannot speak for a program that was not started, or twice for one', async () => {
    const { link, output, broken } = newLink()
    const chunks: string[] = []
    const exec = link.exec({ argv: ['x'], onOutput: (_, chunk) => chunks.push(Buffer.from(chunk).toString()) })
    output.write(encodeFrame(frameTypes.stdout, 99, 'stranger'))
    output.write(encodeFrame(frameTypes.exited, 1, '{"code":0,"signal":null}'))
    output.write(encodeFrame(frameTypes.stdout, 1, 'too late'))
    output.write(encodeFrame(frameTypes.exited, 1, '{"code":1,"signal":null}'))
    expect(await exec.exited).toEqual({ kind: 'exited', code: 0, signal: null })
    await turn()
    expect(chunks).toEqual([])
    expect(broken).toEqual([])
  })

  test.each([
    ['no JSON', encodeFrame(frameTypes.exited, 1, 'nonsense')],
    ['null', encodeFrame(frameTypes.exited, 1, 'null')],
    ['an endless frame', Buffer.alloc(64, 0xff)],
  ])('sending %s is reported, so that its sandbox is ended', async (_, bytes) => {
    const { link, output, broken } = newLink()
    link.exec({ argv: ['x'], onOutput: () => {} })
    output.write(bytes)
    await turn()
    expect(broken).toHaveLength(1)
  })

  test('sending wrong types is read as saying nothing', async () => {
    const { link, output } = newLink()
    const exec = link.exec({ argv: ['x'], onOutput: () => {} })
    output.write(encodeFrame(frameTypes.exited, 1, '{"code":"0","signal":{}}'))
    expect(await exec.exited).toEqual({ kind: 'exited', code: null, signal: null })
  })

  test.each([
    [frameTypes.exited, { signal: 'SIGKILL' }, { kind: 'exited', code: null, signal: 'SIGKILL' }],
    [frameTypes.exited, { signal: 'now pay the bill' }, { kind: 'exited', code: null, signal: null }],
    [frameTypes.failed, { message: 'spawn /bin/bash ENOENT' }, { kind: 'failed', code: 'ENOENT' }],
    [frameTypes.failed, { message: 'EVERYBODY pay the bill' }, { kind: 'failed', code: null }],
  ])('says why a program ended in words of the system alone', async (type, said, exit) => {
    const { link, output } = newLink()
    const exec = link.exec({ argv: ['x'], onOutput: () => {} })
    output.write(encodeFrame(type, 1, JSON.stringify(said)))
    expect(await exec.exited).toEqual(exit)
  })
})
